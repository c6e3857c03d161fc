"""LRLAB_DATA and LRLAB_CACHE: what is no folder, what is closed, what holds no plain file."""

import os
import re
import socket

import numpy as np
import platformdirs
import pytest

from lrlab.data.dataset import DataError
from lrlab.data.folders import cache_folder
from lrlab.data.loading import load
from tests.support.small_images import arrays

CHMOD_BINDS = getattr(os, "geteuid", lambda: 0)() != 0  # it does not bind root


def refused(name, *words):
    with pytest.raises(DataError) as caught:
        load(name)
    for word in words:
        assert str(word) in str(caught.value)


# The variables.


@pytest.mark.parametrize("value", [None, ""])
def test_cache_folder_of_the_system(monkeypatch, value):
    monkeypatch.delenv("LRLAB_CACHE", raising=False)
    if value is not None:
        monkeypatch.setenv("LRLAB_CACHE", value)
    assert cache_folder() == platformdirs.user_cache_path("lrlab")


def test_cache_folder_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("LRLAB_CACHE", "~/images")
    assert cache_folder() == tmp_path / "images"


def test_empty_variable_counts_as_not_set(monkeypatch, tmp_path):
    np.savez(tmp_path / "digits.npz", **arrays())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LRLAB_DATA", "")
    assert load("digits").source == "embedded"


def test_own_folder_may_start_at_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("LRLAB_DATA", "~")
    np.savez(tmp_path / "mine.npz", **arrays())
    assert load("mine").source == "LRLAB_DATA"


@pytest.mark.parametrize("variable", ["LRLAB_DATA", "LRLAB_CACHE"])
def test_the_home_of_somebody_unknown(monkeypatch, variable):
    monkeypatch.setenv(variable, "~nobody of this name/images")
    refused("cifar10", f"{variable} names ~nobody of this name/images: ", "Correct it or unset it")


def raises(name):
    raise RuntimeError("no home")  # as new releases of platformdirs do


@pytest.mark.parametrize("user_cache_dir", [raises, lambda name: f"~nobody of this name/{name}"])
def test_no_home_folder(monkeypatch, user_cache_dir):
    monkeypatch.delenv("LRLAB_CACHE")
    monkeypatch.setattr(platformdirs, "user_cache_dir", user_cache_dir)
    refused("cifar10", "there is no home folder", "Set LRLAB_CACHE to a folder")
    assert load("digits").source == "embedded", "nothing else needs it"


@pytest.mark.parametrize("kind", ["missing", "file", "loop", "file/below"])
def test_own_folder_that_is_none(monkeypatch, tmp_path, kind):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.setenv("LRLAB_DATA", str(tmp_path / kind))
    refused("digits", f"LRLAB_DATA names {tmp_path / kind}, which is not a folder. Correct it or")


# Folders that cannot be looked into.


def test_behind_a_link_to_itself(monkeypatch, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.setenv("LRLAB_CACHE", str(tmp_path / "loop"))
    refused("cifar10", f"cannot look into {tmp_path / 'loop'}: ", "Set LRLAB_CACHE to a folder")
    monkeypatch.setenv("LRLAB_DATA", str(tmp_path / "loop" / "data"))
    refused("digits", f"cannot look into {tmp_path / 'loop'}: ", "Correct LRLAB_DATA")


@pytest.mark.skipif(not CHMOD_BINDS, reason="chmod does not bind root")
@pytest.mark.parametrize("mode", [0o000, 0o600])
def test_closed_to_this_user(monkeypatch, tmp_path, mode):
    closed = tmp_path / "closed"
    closed.mkdir()
    np.savez(closed / "digits.npz", **arrays())
    closed.chmod(mode)
    try:
        for folder in (closed, closed / "below"):
            monkeypatch.setenv("LRLAB_CACHE", str(folder))
            refused("cifar10", f"cannot look into {folder}: Permission", "Set LRLAB_CACHE to")
            monkeypatch.setenv("LRLAB_DATA", str(folder))
            refused("digits", f"cannot look into {closed}: Permission denied. Correct LRLAB_DATA")
            monkeypatch.delenv("LRLAB_DATA")
    finally:
        closed.chmod(0o700)


@pytest.mark.skipif(not CHMOD_BINDS, reason="chmod does not bind root")
def test_a_file_that_is_closed_to_this_user(own):
    np.savez(own / "digits.npz", **arrays())
    (own / "digits.npz").chmod(0o000)
    refused("digits", f"cannot use {own / 'digits.npz'}: ", "Permission denied", "Replace it, or")


def test_a_read_only_cache_with_the_file_in_it(cache):
    cache.mkdir(parents=True)
    np.savez(cache / "cifar10.npz", **arrays((32, 32, 3)))
    cache.chmod(0o500)
    try:
        assert load("cifar10").source == "cache"
    finally:
        cache.chmod(0o700)


# Names, and what a name may stand for instead of a file.


@pytest.mark.parametrize(
    "name",
    ["mnist", "Digits", "", ".", "..", "../own/mine", "./mine", "/mine", "mine\n", None, 3]
    + ["x" * length for length in (252, 300, 5_000)],
)
def test_unknown_name(own, name):
    np.savez(own / "mine.npz", **arrays())
    message = (
        "name must be one of blobs, cifar10, digits, fashion_mnist, markov, or that of a file "
        f"NAME.npz in the folder LRLAB_DATA, received {name!r}"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        load(name)


def test_the_longest_name(own):
    np.savez(own / f"{'x' * 251}.npz", **arrays())
    assert load("x" * 251).source == "LRLAB_DATA"


def bind(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)  # a whole path would be too long


NO_FILES = {
    "pipe": os.mkfifo,
    "socket": bind,
    "folder": os.mkdir,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "empty device": lambda path: path.symlink_to(os.devnull),
}


@pytest.mark.parametrize("make", NO_FILES.values(), ids=NO_FILES)
@pytest.mark.parametrize("variable", ["LRLAB_DATA", "LRLAB_CACHE"])
def test_what_is_no_plain_file_is_refused_and_not_waited_for(monkeypatch, own, variable, make):
    monkeypatch.delenv("LRLAB_DATA")
    monkeypatch.setenv(variable, str(own))
    monkeypatch.chdir(own)
    make(own / "cifar10.npz")
    refused("cifar10", f"cannot use {own / 'cifar10.npz'}: it is not a plain file. ")


@pytest.mark.parametrize(
    ("variable", "remedy"), [("LRLAB_DATA", "Replace it, or unset"), ("LRLAB_CACHE", "Delete it")]
)
def test_a_link_to_nothing(monkeypatch, own, variable, remedy):
    monkeypatch.delenv("LRLAB_DATA")
    monkeypatch.setenv(variable, str(own))
    (own / "cifar10.npz").symlink_to("moved.npz")
    refused("cifar10", f"cannot use {own / 'cifar10.npz'}: ", "No such file", remedy)
