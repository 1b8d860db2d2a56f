"""Running suites: samples in, one line a finished sample out, kept over crashes."""
