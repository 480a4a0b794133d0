"""What a log of somebody else does: it submits two checkpoints to a witness, with the client of aics-witness.

Run by the Python of ``build/foreign``, with the log's seed in hex on stdin. Without arguments it prints the log's vkey.
With a witness's address and Ed25519 vkey it prints, of each checkpoint, the size, how many cosignatures of that key the
client verified, and the note with them. All is JSON.
"""

import json
import sys

from aics_tlog import MerkleTree, format_vkey, parse_vkey, verify_note, vkey_from_ed25519
from aics_tlog.checkpoint import Checkpoint, sign_checkpoint
from aics_witness.feeder import WitnessClient, merge_cosignatures
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NAME = "foreign.example/log"


def main() -> None:
    """Print the vkey if no address is given; else submit."""
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(sys.stdin.read().strip()))
    log = vkey_from_ed25519(NAME, key.public_key())
    if len(sys.argv) == 1:
        print(json.dumps({"log": format_vkey(log)}))
        return
    tree = MerkleTree([b"entry %d" % number for number in range(11)])
    told = []
    with WitnessClient(sys.argv[1], parse_vkey(sys.argv[2])) as client:
        for size, extension in ((5, ()), (11, ("an extension line",))):
            checkpoint = Checkpoint(origin=NAME, size=size, root=tree.root(size), extension_lines=extension)
            note = sign_checkpoint(checkpoint, key, NAME)
            lines = client.submit(note.to_bytes(), tree.consistency_proof)
            whole = merge_cosignatures(note.to_bytes(), lines)
            assert verify_note(note, [log])
            told.append({"size": size, "lines": lines.count("\n"), "note": whole.decode()})
    print(json.dumps({"log": format_vkey(log), "told": told}))


main()
