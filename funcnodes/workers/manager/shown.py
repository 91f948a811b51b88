"""The Snapshot that a hub keeps, so that however many ask, the worker makes one.

It is good for as long as every patch since is kept too: whoever gets both is where the worker is.
A Snapshot of a large graph is made in slices; it says after which patch the first of them was made,
and what changed while the others were made comes again by the patches that follow.
"""

from dataclasses import dataclass

import msgspec

from funcnodes.workers.manager.fanout import Ring

_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class KeptSnapshot:
    """One Snapshot at its place in the numbering that browsers see."""

    session: str
    seq: int
    data: bytes

    @classmethod
    def of(
        cls, snapshot: msgspec.Raw, session: str, ring: Ring, now_seq: int
    ) -> "KeptSnapshot | None":
        """The worker's own Snapshot, placed; None where the patches since are not kept."""
        fields = msgspec.msgpack.decode(snapshot, type=dict[str, msgspec.Raw])
        made_at = msgspec.msgpack.decode(fields["seq"], type=int)
        seq = ring.place_of(made_at, now_seq)
        if seq is None:
            return None
        fields["session"], fields["seq"] = msgspec.Raw(_encode(session)), msgspec.Raw(_encode(seq))
        kept = cls(session, seq, _encode(fields))
        return kept if kept.since(ring, now_seq) is not None else None

    def since(self, ring: Ring, now_seq: int) -> list[bytes] | None:
        """Every patch after it, or None where they are no longer all kept."""
        return [] if self.seq == now_seq else ring.after(self.session, self.seq)
