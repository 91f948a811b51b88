"""What browsers, server and workers say to each other, as msgspec structs: one schema for all hops.

    browser ── CommandMessage ──▶ server ── Do ──▶ worker    answered by Ack or Fail, in order
    browser ◀── Welcome, Snapshot, Patch ── server ◀── worker

Each message is one msgpack map with a `type`; what a browser meets, `funcnodes.web.typescript`
renders for the editor. The rooms: what is seen (`views`), told (`answers`) and asked (`commands`),
and what server and worker say between themselves (`link`, `guard`). A name stands in its room only
and is found here too.
"""

from funcnodes.workers.schema.answers import *
from funcnodes.workers.schema.commands import *
from funcnodes.workers.schema.guard import *
from funcnodes.workers.schema.link import *
from funcnodes.workers.schema.views import *
from funcnodes.workers.schema.words import *
