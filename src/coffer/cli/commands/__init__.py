"""The commands of ``coffer``: one file each, named as the command. None imports another."""

from typing import Final

from coffer.cli.groups import Listed, Who

LISTED: Final = (
    Listed("init", "Make a vault with its custodians' keys and the first entry of its log.", Who.OPERATOR),
    Listed("complete", "Begin the log of a vault whose custodians elsewhere have all signed its roster.", Who.OPERATOR),
    Listed("epoch", "Let every local custodian make and publish its key of each day.", Who.OPERATOR),
    Listed("roster", "Show, change and publish who the custodians are and which rules hold.", Who.OPERATOR),
    Listed("feed", "Find out how files of records would be read, before anything is sealed.", Who.OPERATOR),
    Listed("ingest", "Seal the records of files.", Who.OPERATOR),
    Listed(
        "watch",
        "Ingest what is delivered into folders and topics, batch by batch, until it is told to stop.",
        Who.OPERATOR,
    ),
    Listed("supersede", "Supersede a batch, for example one whose files were ingested twice.", Who.OPERATOR),
    Listed("receipts", "Let every custodian show that its part of each segment opens.", Who.OPERATOR),
    Listed("sync", "Fetch what custodians on other machines signed, and log what counts.", Who.OPERATOR),
    Listed("retire", "Destroy the keys of days whose retention is over, and say so in the log.", Who.OPERATOR),
    Listed("fsck", "Compare segments, tallies and log tiles, in the folder or its store, with the log.", Who.OPERATOR),
    Listed(
        "replicate", "Copy a vault's log, segments and tallies to a folder or store, and prove the copy.", Who.OPERATOR
    ),
    Listed("backup", "Copy everything of a vault but keys to a folder, and prove the copy.", Who.OPERATOR),
    Listed("tidy", "Remove what commands put aside because the log did not know it.", Who.OPERATOR),
    Listed(
        "serve",
        "Serve the public window, and the log to custodians and auditors; with --desk the desk as well.",
        Who.OPERATOR,
    ),
    Listed("config", "Show every setting of this machine, its value and where that comes from.", Who.OPERATOR),
    Listed("desk", "Say who works at the desk that coffer serve shows.", Who.OPERATOR),
    Listed("request", "Turn an order into a request that custodians can read and countersign.", Who.DESK),
    Listed("send", "Send a request, sealed, to the custodians on other machines.", Who.DESK),
    Listed("status", "Ask every custodian how a request stands, and fetch what they signed.", Who.DESK),
    Listed("open", "Open what a countersigned request allows, and write the answer with its evidence.", Who.DESK),
    Listed("amend", "Raise how many records a request may open, without starting anew.", Who.DESK),
    Listed("disclose", "Make the forms of an answer that courts and programs read.", Who.DESK),
    Listed(
        "reply",
        "Make the replies to a European order or an ETSI TS 103 120 message: status, reasons, the data.",
        Who.DESK,
    ),
    Listed("not-held", "Say what Coffer does not hold, and draft the reply that says so to an authority.", Who.DESK),
    Listed("hold", "Preserve somebody's records beyond their retention, and read nothing.", Who.DESK),
    Listed("reveal", "Publish the lines of an authorization once its secrecy is over.", Who.DESK),
    Listed("notices", "List who is due to be told of an opening, and write the letters.", Who.DESK),
    Listed(
        "subject-access", "Turn a person's request for their own data into one that custodians countersign.", Who.DESK
    ),
    Listed("countersign", "Approve a request as a custodian of this vault's folder.", Who.CUSTODIAN),
    Listed("refuse", "Refuse a request in the public log, which shows the reason but no person.", Who.CUSTODIAN),
    Listed("ratify", "List the emergencies that must be ratified, or agree to one as a custodian.", Who.CUSTODIAN),
    Listed("revoke", "End an authorization: from here on nobody answers to it.", Who.CUSTODIAN),
    Listed("authorities", "Show which authorities are known, or have a custodian take such a list.", Who.CUSTODIAN),
    Listed("protect", "Keep a custodian's list of people whose records need every signature.", Who.CUSTODIAN),
    Listed("custodian", "Be a custodian on a machine of your own.", Who.CUSTODIAN),
    Listed("unlock", "Keep keys unlocked for a while, so that commands need no passphrase.", Who.CUSTODIAN),
    Listed("passwd", "Change the passphrase of a key file.", Who.CUSTODIAN),
    Listed("lock", "Lock every key that coffer unlock keeps.", Who.CUSTODIAN),
    Listed("witness", "Watch logs from outside, and cosign what continues their one history.", Who.WITNESS),
    Listed("show", "Show a request as people read it.", Who.ANYONE),
    Listed("log", "List the log's entries: all that anybody may know of what this vault did.", Who.ANYONE),
    Listed("report", "Count the records by day, place and kind, without reading anybody's.", Who.ANYONE),
    Listed("transparency", "Report what was asked, refused, opened and collected in a period.", Who.ANYONE),
    Listed("simulate", "Make the traffic of a country of invented people.", Who.ANYONE),
    Listed(
        "demo",
        "Show everything with invented people: window, desk, operator's page and four custodians.",
        Who.ANYONE,
    ),
)
"""In the order of the help: by who uses them, and there in the order of a vault's life."""
