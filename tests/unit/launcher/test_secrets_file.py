"""Secrets are made once."""

from launcher import envfile, secrets_file
from launcher.paths import Paths
from wotnot import Config


def test_the_second_start_finds_the_secrets_of_the_first(tmp_paths: Paths) -> None:
    assert secrets_file.ensure(tmp_paths) == secrets_file.ensure(tmp_paths)


def test_a_secret_that_is_missing_is_added_to_the_others(tmp_paths: Paths) -> None:
    envfile.write_private(tmp_paths.secrets, {"SECRET_KEY": "kept", "REDIS_PASSWORD": ""})
    secrets = secrets_file.ensure(tmp_paths)
    assert secrets["SECRET_KEY"] == "kept"
    assert len(secrets["REDIS_PASSWORD"]) > 20


def test_the_product_takes_them(tmp_paths: Paths) -> None:
    secrets = secrets_file.ensure(tmp_paths)
    stores = {"DATABASE_URL": "postgresql://x/y", "REDIS_URL": "redis://x"}
    assert Config.from_env(stores | secrets).secret_key == secrets["SECRET_KEY"]


def test_the_demo_log_in_is_kept_beside_the_secrets(tmp_paths: Paths) -> None:
    before = secrets_file.ensure(tmp_paths)
    assert secrets_file.demo_log_in(tmp_paths) == ""
    secrets_file.keep_demo_log_in(tmp_paths, "making …\nlog-in: demo@example.com, password x=1\n")
    secrets_file.keep_demo_log_in(tmp_paths, "Nothing to do.")
    assert secrets_file.demo_log_in(tmp_paths) == "demo@example.com, password x=1"
    assert secrets_file.ensure(tmp_paths).items() >= before.items()
