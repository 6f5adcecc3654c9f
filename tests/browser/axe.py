"""axe-core, the usual checker of contrast and alternative text: pinned, cached, never committed."""

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

VERSION = "4.14.1"
INTEGRITY = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="


def cache():
    """Where the package lies: outside the repository, so that it is fetched once."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "cxlab" / f"axe-core-{VERSION}.tgz"


def fetch():
    """The source of axe-core, fetched with npm if need be; RuntimeError says why it cannot be had."""
    package = cache()
    if not package.exists():
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError("npm is not installed, and axe-core is not in the cache")
        package.parent.mkdir(parents=True, exist_ok=True)
        command = [
            npm,
            "pack",
            "--silent",
            f"axe-core@{VERSION}",
            "--pack-destination",
            str(package.parent),
        ]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=120, cwd=package.parent)
        except (subprocess.SubprocessError, OSError) as error:
            raise RuntimeError(
                f"axe-core {VERSION} could not be fetched ({type(error).__name__})"
            ) from error
    digest = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    if digest != INTEGRITY:
        raise ValueError(f"{package.name} is not the package that is pinned: remove it")
    with tarfile.open(package) as archive:
        return archive.extractfile("package/axe.min.js").read().decode("utf-8")


if __name__ == "__main__":
    print(f"axe-core {VERSION}: {len(fetch()):,} characters in {cache()}")
