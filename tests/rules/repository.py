"""A scratch repository that has this project's rules, its hooks and a small package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAD = "# Changelog\n\nThe form is that of [Keep](https://keepachangelog.com/en/1.0.0/).\n\n"
UNRELEASED = "## [Unreleased]\n\n### Added\n\n- A first thing.\n"
_NOBODY = {
    "GIT_AUTHOR_NAME": "N",
    "GIT_AUTHOR_EMAIL": "n@example.org",
    "GIT_COMMITTER_NAME": "N",
    "GIT_COMMITTER_EMAIL": "n@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


class Repository:
    """A clone with one commit, pushed to a bare repository beside it.

    Attributes:
        folder: Its root.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "clone"
        self.folder.mkdir()
        shutil.copytree(ROOT / ".ci", self.folder / ".ci", ignore=shutil.ignore_patterns("*.pyc"))
        shutil.copytree(ROOT / ".githooks", self.folder / ".githooks")
        self.write("pyproject.toml", '[project]\nname = "p"\nversion = "0.5.5.0"\n\n[tool.x]\n')
        self.write("CHANGELOG.md", HEAD + UNRELEASED)
        self.write("src/p.py", "")
        self.write(".gitignore", "__pycache__/\n")
        self.git("init", "-q", "-b", "main")
        self.commit()
        self.git("init", "-q", "--bare", str(folder / "remote"))
        self.git("remote", "add", "origin", str(folder / "remote"))
        self.git("push", "-q", "origin", "main")
        self.git("config", "core.hooksPath", ".githooks")

    def write(self, name: str, text: str) -> None:
        """Give a file another text."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def read(self, name: str) -> str:
        """A file's text."""
        return (self.folder / name).read_text(encoding="utf-8")

    def commit(self) -> None:
        """Commit whatever stands here, past the commit's hook."""
        self.git("add", "-A")
        self.git("commit", "-q", "--no-verify", "-m", "A change")

    def git(self, *arguments: str) -> str:
        """Run git; its failure fails the test."""
        done = self._run("git", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def push(self, *refs: str) -> subprocess.CompletedProcess[str]:
        """Push, through the hook."""
        return self._run("git", "push", "-q", "origin", *refs)

    def rules(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the rules' program."""
        return self._run(sys.executable, ".ci/rules.py", *arguments)

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=os.environ | _NOBODY,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
