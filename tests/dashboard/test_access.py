"""Who gets in, and how the server is started."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from dashboard_world import Visit, World
from ports import free_port

import dashboard
from dashboard import launch
from dashboard.access import password_for
from earful.loopback import is_loopback
from earful.settings.errors import SettingsError
from earful.settings.load import Settings, load

SECRET = "correct horse battery"


@pytest.fixture
def settings(world: World) -> Settings:
    return load(world.settings_file)


def test_what_counts_as_loopback() -> None:
    for host in ("127.0.0.1", "127.8.8.8", "localhost", "::1", "[::1]"):
        assert is_loopback(host), host
    for other in ("0.0.0.0", "::", "192.168.1.4", "earful.example", "", None):
        assert not is_loopback(other), other


def test_an_open_host_needs_a_password(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="EARFUL_DASHBOARD_PASSWORD"):
        launch.build_command(settings, host="0.0.0.0")


def test_a_short_password_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARFUL_DASHBOARD_PASSWORD", "short")
    with pytest.raises(SettingsError, match="shorter than 8"):
        launch.build_command(settings, host="0.0.0.0")


def test_the_password_may_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "password"
    file.write_text(SECRET + "\n", encoding="utf-8")
    monkeypatch.setenv("EARFUL_DASHBOARD_PASSWORD_FILE", str(file))
    assert password_for("0.0.0.0") == SECRET
    assert password_for("127.0.0.1") == SECRET


def test_no_secret_stands_in_the_command_line(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARFUL_DASHBOARD_PASSWORD", SECRET)
    line = " ".join(launch.build_command(settings, host="0.0.0.0", port=9000))
    assert SECRET not in line
    assert "sqlite:" not in line
    assert "--server.address=0.0.0.0 --server.port=9000" in line


def test_streamlit_is_told_to_stay_at_home(settings: Settings) -> None:
    line = launch.build_command(settings)
    for option in (
        "--browser.gatherUsageStats=false",
        "--server.fileWatcherType=none",
        "--server.enableXsrfProtection=true",
        "--client.showErrorDetails=none",
        "--client.toolbarMode=minimal",
    ):
        assert option in line


def test_the_environment_names_settings_and_database(
    settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARFUL_DATABASE_URL_FILE", "/nowhere")
    monkeypatch.setenv("STREAMLIT_SERVER_ADDRESS", "0.0.0.0")
    found = launch.build_environment(settings, world.settings_file)
    assert found["EARFUL_SETTINGS"] == str(world.settings_file)
    assert found["EARFUL_DATABASE_URL"] == settings.database_url.get_secret_value()
    assert "EARFUL_DATABASE_URL_FILE" not in found
    assert "STREAMLIT_SERVER_ADDRESS" not in found


def test_a_taken_port_is_named_before_a_server_starts(settings: Settings) -> None:
    with launch.listen(settings, port=free_port()) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"port {port}: another program") as error:
            launch.listen(settings, port=port)
        assert "--port" in error.value.hint
    launch.listen(settings, port=port).close()


def test_a_page_that_runs_without_the_gate_shows_nothing(
    visit: Visit, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`streamlit run dashboard/app.py` has no gate in front of it."""
    monkeypatch.setenv("EARFUL_DASHBOARD_PASSWORD", SECRET)
    world.say("bob", "my bags are gone", negative=0.97)
    page = visit().run()
    assert [header.value for header in page.header] == ["You are signed out"]
    assert "bags" not in str(page.text)


def test_no_folder_is_called_pages() -> None:
    """Streamlit would run what lies in it without app.py, and so without the password."""
    assert not (Path(dashboard.__file__).parent / "pages").exists()


def test_nothing_in_the_dashboard_lets_html_or_markdown_of_strangers_through() -> None:
    """st.markdown gets texts of our own only: no variable, no formatted string, no HTML."""
    for file in Path(dashboard.__file__).parent.rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        assert "unsafe_allow" not in source, file
        for node in ast.walk(ast.parse(source)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            name = node.func.attr
            assert name not in ("write", "write_stream", "table", "caption", "latex"), (file, name)
            if name == "markdown":
                assert isinstance(node.args[0], ast.Constant) or file.name == "health.py", file
