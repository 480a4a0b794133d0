"""A custodian's keys wrapped by a PKCS#11 token: SoftHSM, which .ci/run installs."""

import datetime as dt
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from coffer.cli.main import run
from coffer.custodian.machine.folder import Machine
from coffer.custody.public import PublicKeys
from coffer.disk import Disk
from coffer.errors import NotProven, Refused, Unavailable
from coffer.notes.keys import SealKey, Secret
from crash.faulty_disk import FaultyDisk, Mode
from world import cheap_passphrases

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
PIN = "2468"


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    module = next((name for name in MODULES if Path(name).exists()), None)
    if module is None or shutil.which("softhsm2-util") is None:
        pytest.skip("softhsm2 is not installed: nothing here shows that a token wraps the keys")
    pytest.importorskip("pkcs11")
    cheap_passphrases()
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
    (folder / "pin").write_text(PIN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        words = ["--init-token", "--free", "--label", "vault", "--so-pin", "1234", "--pin", PIN]
        subprocess.run(["softhsm2-util", *words], check=True, capture_output=True)
        words = ["--token", "vault", "--token-module", module, "--passphrase-file", str(folder / "pin")]
        assert run(["custodian", "init", str(folder / "judge"), "--name", "judge", *words]) == 0
        yield folder / "judge"


def unlock(path, pin=PIN):
    return Machine.open(path, Disk()).folder.unlock(Secret(pin.encode(), "PIN"))


def changed(judge, tmp_path, **fields):
    path = tmp_path / "judge"
    shutil.copytree(judge, path)
    document = json.loads((path / "keys").read_text()) | fields
    (path / "keys").write_text(json.dumps(document))
    return path


pytestmark = pytest.mark.slow


def test_token_gives_the_keys_that_were_made(judge):
    public = PublicKeys.parse((judge / "judge.pub").read_bytes(), "pub")
    keys = unlock(judge)
    assert (keys.auth.verify_key, keys.resp.verify_key, keys.req.public) == (public.auth, public.resp, public.req)
    document = json.loads((judge / "keys").read_text())
    assert (document["wrapped-by"], document["token"], "argon2id" in document) == ("pkcs11", "vault", False)


def test_wrong_pin_is_refused(judge):
    with pytest.raises(Refused, match="wrong PIN"):
        unlock(judge, "1357")


def test_keys_moved_to_another_custodian_do_not_unwrap(judge, tmp_path):
    path = changed(judge, tmp_path)
    config = path / "custodian.toml"
    config.write_text(config.read_text().replace('name = "judge"', 'name = "dpo"'))
    with pytest.raises(NotProven, match="changed, or wrapped by another"):
        unlock(path)


def test_other_key_or_token_or_module_is_unavailable(judge, tmp_path):
    cases = (
        ({"key": "other"}, "token vault: it holds no key other"),
        ({"token": "other"}, "token other: NoSuchToken"),
        ({"module": "/nowhere.so"}, "token vault: PKCS11Error"),
    )
    for number, (fields, said) in enumerate(cases):
        (tmp_path / str(number)).mkdir()
        with pytest.raises(Unavailable, match=said):
            unlock(changed(judge, tmp_path / str(number), **fields))


def test_changed_byte_of_the_wrapped_keys_is_noticed(judge, tmp_path):
    sealed = json.loads((judge / "keys").read_text())["sealed"]
    other = ("A" if sealed[0] != "A" else "B") + sealed[1:]
    with pytest.raises(NotProven, match="were changed, or wrapped by another key"):
        unlock(changed(judge, tmp_path, sealed=other))


def test_rotation_makes_backups_of_the_key_file_and_of_the_days_worthless(judge, tmp_path):
    folder, pin = Machine.open(judge, Disk()).folder, Secret(PIN.encode(), "PIN")
    days = [dt.date(2026, 1, day) for day in (1, 2)]
    keys, made = unlock(judge), {day: SealKey.generate() for day in days}
    for day, key in made.items():
        folder.write_epoch_key(day, key, keys, os.urandom)
    old, other = tmp_path / "old", tmp_path / "other"
    shutil.copytree(judge, old)
    assert unlock(old).auth.verify_key == keys.auth.verify_key, "the backup opens while the token has its key"
    rotated = folder.rotate_wrapping(pin, os.urandom)
    assert {day: folder.read_epoch_key(day, unlock(judge)).public for day in days} == {
        day: key.public for day, key in made.items()
    }
    assert (rotated.auth.verify_key, rotated.approvals.unsafe_bytes()) == (
        keys.auth.verify_key,
        keys.approvals.unsafe_bytes(),
    )
    with pytest.raises(Unavailable, match="holds no key"):
        unlock(old)
    shutil.copytree(old, other)
    shutil.copy(judge / "keys", other / "keys")
    with pytest.raises(
        NotProven, match="the epoch key of 2026-01-01 was changed"
    ):  # old files of the days, under the key file of today
        Machine.open(other, Disk()).folder.read_epoch_key(days[0], unlock(other))
    for day in days:
        folder.remove_epoch_key(day)


def test_rotation_that_fails_anywhere_is_finished_by_the_next(judge, tmp_path):
    pin, day = Secret(PIN.encode(), "PIN"), dt.date(2026, 1, 3)
    folder = Machine.open(judge, Disk()).folder
    key = SealKey.generate()
    folder.write_epoch_key(day, key, unlock(judge), os.urandom)
    for n in range(100):
        failing = FaultyDisk(n, Mode.ERROR)
        try:
            Machine.open(judge, failing).folder.rotate_wrapping(pin, os.urandom)
            break
        except Unavailable:
            assert folder.read_epoch_key(day, unlock(judge)).public == key.public, n
    assert 3 < n < 99
    assert folder.read_epoch_key(day, unlock(judge)).public == key.public
    folder.remove_epoch_key(day)


def test_second_custodian_cannot_take_a_name_on_the_token(judge):
    document = json.loads((judge / "keys").read_text())
    name = document["key"].partition("#")[0]
    words = ["--token", "vault", "--token-module", document["module"], "--token-key", name]
    words += ["--passphrase-file", str(judge.parent / "pin")]
    other = judge.parent / "dpo"
    assert run(["custodian", "init", str(other), "--name", "dpo", *words]) == 4
    assert not other.exists()
    words[words.index(name)] = f"{name}2"
    assert run(["custodian", "init", str(other), "--name", "dpo", *words]) == 0
    Machine.open(judge, Disk()).folder.rotate_wrapping(Secret(PIN.encode(), "PIN"), os.urandom)
    assert [unlock(path).auth.verify_key.name for path in (judge, other)] == ["judge/auth", "dpo/auth"]
