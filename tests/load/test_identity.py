"""A run's name and place: never shared, never taken from anybody."""

from __future__ import annotations

import types

import pytest

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.load.identity import Identity, claim, point_latest


def settings(out, run_id=None, salt="run"):
    """What `claim` reads of the settings."""
    return types.SimpleNamespace(out=str(out), run_id=run_id, salt=salt)


def test_names_made_up_never_clash(tmp_path):
    """Runs that begin in the same second get a directory each, and leave nothing in it."""
    claimed = [claim(settings(tmp_path / "new" / "runs")) for _ in range(5)]
    assert len({identity.run_id for identity in claimed}) == 5
    assert all(not list(identity.directory.iterdir()) for identity in claimed)


def test_a_name_given_is_given_once(tmp_path):
    """A second claim of the same name is refused; a further start in the page gets a number."""
    assert claim(settings(tmp_path, "mine")).run_id == "mine"
    with pytest.raises(UsageError, match=r"--run-id mine: .*mine exists already"):
        claim(settings(tmp_path, "mine"))
    assert claim(settings(tmp_path, "mine"), again=True).run_id == "mine-2"
    assert claim(settings(tmp_path, "mine"), again=True).run_id == "mine-3"


def test_a_place_that_cannot_be_written(tmp_path):
    """Where no directory can be made, the line names the option and the reason."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"--out .*file: cannot be written: Not a directory"):
        claim(settings(tmp_path / "file"))


@pytest.mark.parametrize(("option", "salt"), [("run", "mine"), ("none", ""), ("fixed", "fixed")])
def test_the_salt(tmp_path, option, salt):
    """`run` salts with the run's name, `none` not at all, a text with itself."""
    assert claim(settings(tmp_path, "mine", option)).salt == salt


def test_latest_moves_on(tmp_path):
    """`latest` names the run that was pointed at last, with a name relative to its place."""
    for name in ("one", "two"):
        point_latest(claim(settings(tmp_path, name)))
    assert (tmp_path / "latest").readlink().name == "two"
    assert not (tmp_path / "latest").readlink().is_absolute()


def test_somebodys_own_latest_stays(tmp_path):
    """A directory that a user called `latest` is left alone."""
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "precious").write_text("")
    point_latest(claim(settings(tmp_path, "one")))
    assert [path.name for path in (tmp_path / "latest").iterdir()] == ["precious"]


def test_no_links_no_latest(tmp_path, caplog):
    """A file system without links costs the link, and no run."""
    point_latest(Identity("one", tmp_path / "gone" / "one", ""))
    assert "latest cannot be made" in caplog.text
