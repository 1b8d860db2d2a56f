"""Which settings are secret, and what they hold."""

from __future__ import annotations

from pathlib import Path

from core.secrets import secret_settings, secret_values
from core.settings import Settings


def test_a_setting_that_is_named_like_a_secret_is_declared_as_one(tmp_path: Path) -> None:
    named = {name for name in Settings.model_fields if name.endswith(("_key", "_key_id", "_password"))}
    assert named <= secret_settings()
    told = repr(Settings.model_validate(dict.fromkeys(named, "plainword") | {"home": tmp_path}))
    assert "plainword" not in told


def test_the_secrets_of_settings_are_keys_passwords_in_addresses_and_options_of_connectors() -> None:
    settings = Settings(
        model_api_key="first-word",
        server_redis_url="redis://:second-word@host/0",
        connectors={"wiki": {"kind": "confluence", "token": "third-word", "space": "no secret"}},
    )
    assert set(secret_values(settings)) == {"first-word", "second-word", "third-word"}
