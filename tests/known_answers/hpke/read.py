from coffer.notes.keys import SealKey, Secret
from known_answers.vector import runner


@runner("hpke", "private info plaintext sealed")
def run_hpke(vector, _):
    key = SealKey(Secret(vector.bytes("private"), "key"))
    sealed, info = vector.bytes("sealed"), vector.bytes("info")
    if not vector.is_refused(lambda: key.unseal(sealed, info=info, place="x")):
        assert key.unseal(sealed, info=info, place="x") == vector.bytes("plaintext")
        assert len(sealed) == len(vector.bytes("plaintext")) + 1136
