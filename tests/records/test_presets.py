"""Each shipped preset on an invented file in its layout: found by its header, or named, and read right."""

# ruff: noqa: E501 - headers of files are as long as they are

import datetime as dt
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from coffer.cli.main import run
from coffer.errors import MalformedInput
from coffer.procedures.ingest.read import InOrder, open_file
from coffer.records.draft import Window
from coffer.records.feed import parse_feed
from coffer.records.presets import parse_preset, presets
from coffer.records.rejects import Reason

WINDOW = Window(earliest=dt.datetime(2020, 1, 1, tzinfo=dt.UTC), latest=dt.datetime(2027, 1, 1, tzinfo=dt.UTC))
A, B, C = "+4930111111", "+4930222222", "+4930333333"
ANN, BOB, CID = "ann@example.org", "bob@example.net", "cid@example.com"


def lines(*objects):
    return "".join(json.dumps(one) + "\n" for one in objects)


def ses(kind, recipients, **more):
    mail = {
        "timestamp": "2026-11-20T10:00:00.000Z",
        "source": ANN,
        "messageId": "m1",
        "destination": recipients,
        "commonHeaders": {"subject": "SECRET"},
    }
    return {"eventType": kind, "mail": mail, **more}


def contact(method, **more):
    return {
        "ContactId": "c1",
        "Channel": "VOICE",
        "InitiationMethod": method,
        "InitiationTimestamp": "2026-03-02T10:00:00Z",
        "ConnectedToSystemTimestamp": "2026-03-02T10:00:05Z",
        "DisconnectTimestamp": "2026-03-02T10:01:00Z",
        "SystemEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": A},
        "CustomerEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": B},
        **more,
    }


def graph(**more):
    times = {"startDateTime": "2026-03-02T10:00:05.25Z", "endDateTime": "2026-03-02T10:01:00Z"}
    return {"callerNumber": A, "calleeNumber": B, **times, "duration": 55, **more}


def mailgun(event, at):
    headers = {"message-id": "m1@example.org", "subject": "SECRET"}
    envelope = {"sender": ANN, "targets": BOB}
    return {"event": event, "timestamp": at, "recipient": BOB, "envelope": envelope, "message": {"headers": headers}}


def zoom(key, result, **more):
    times = {"date_time": "2026-03-02T10:00:00Z", "duration": 12}
    return {
        "call_id": key,
        "caller_number": "100",
        "caller_did_number": A,
        "direction": "inbound",
        **times,
        "result": result,
        **more,
    }


def placed(width, **fields):
    """A line of this many characters with values at places that are counted from 1."""
    line = [" "] * width
    for place, value in ((int(name[1:]), value) for name, value in fields.items()):
        line[place - 1 : place - 1 + len(value)] = value
    return "".join(line) + "\r\n"


def mimecast(recipient, at, **more):
    return {"acc": "C0", "aCode": "k1", "datetime": f"2026-03-02T{at}+0100", "Sender": ANN, "Rcpt": recipient,
            "Dir": "Outbound", "Subject": "SECRET", **more}  # fmt: skip


def mimecast_event(kind, recipient, at, **more):
    return {"type": kind, "aggregateId": "k1_1", "processingId": kind, "messageId": "<m1>", "senderEnvelope": ANN,
            "recipients": recipient, "timestamp": at, "direction": "Outbound", "subject": "SECRET", **more}  # fmt: skip


def sendgrid(event, email, at):
    return {"email": email, "timestamp": at, "event": event, "sg_event_id": event, "sg_message_id": "m1"}


CDR = "calldate,clid,src,dst,dcontext,channel,dstchannel,lastapp,lastdata,duration,billsec,disposition,amaflags,accountcode,uniqueid,userfield"
BROADWORKS = "id,sp,{kind},u,g,Originating,+4930111111,Public,+4930222222,20260302100000.250,1+020000,{said},{answer},20260302100100.500,016,VoIP,,,,,\n"
FLAT = "{0}|f|t|c{0}|{1}|OK|2026-03-02 10:00:00|+4930111111|h|192.0.2.1|+4930333333|{2}|h\n"


@dataclass(frozen=True, kw_only=True)
class Case:
    """``calls``: a, b, forwarded to, seconds, answered. ``mails``: a, b, answered."""

    text: str | bytes
    calls: list = field(default_factory=list)
    mails: list = field(default_factory=list)
    texts: int = 0
    rejects: list = field(default_factory=list)
    skipped: dict = field(default_factory=dict)
    merged: int = 0
    start: str = "2026-03-02 10:00:00"
    country: str = "DE"
    style: str = "any"
    local: bool = False


CASES = {
    "freepbx": Case(
        text=f'{CDR}\n2026-03-02 10:00:00,"""SECRET"" <1>",03011111,03022222,x,SIP/a-1,SIP/b-1,Dial,SECRET,42,12,ANSWERED,3,,1772445600.1,\n'
        "2026-03-02 10:05:00,x,03011111,03022222,x,SIP/a-2,,Dial,,30,0,NO ANSWER,3,,1772445900.2,\n"
        "2026-03-02 10:06:00,x,03011111,s,x,SIP/a-2,,Dial,,30,0,NO ANSWER,3,,1772445900.3,\n",
        calls=[("+493011111", "+493022222", "", 12, True), ("+493011111", "+493022222", "", 0, False)],
        rejects=["not-a-number"],
    ),
    "freepbx-linked": Case(
        text=f"{CDR},linkedid\n"
        "2026-03-02 10:00:00,x,03011111,03022222,x,SIP/a-1,SIP/b-1,Dial,,30,0,NO ANSWER,3,,1.1,,1.1\n"
        "2026-03-02 10:00:00,x,03011111,03033333,x,SIP/a-1,SIP/c-1,Dial,,42,12,ANSWERED,3,,1.2,,1.1\n"
        "2026-03-02 10:05:00,x,03011111,03022222,x,SIP/a-1,SIP/b-1,Dial,,30,0,NO ANSWER,3,,1.3,,1.3\n",
        calls=[("+493011111", "+493033333", "", 12, True), ("+493011111", "+493022222", "", 0, False)],
        merged=1,
    ),
    "grandstream-ucm": Case(
        text="AcctId,accountcode,src,dst,dcontext,clid,channel,dstchannel,lastapp,lastdata,start,answer,end,duration,billsec,disposition,amaflags,uniqueid,userfield,channel_ext,dstchannel_ext,service\n"
        '62,,03011111,03022222,x,"""n"" <1>",SIP/1,SIP/2,Dial,"SIP/2,60",2026-03-02 10:00:00,2026-03-02 10:00:03,2026-03-02 10:00:09,9,6,ANSWERED,DOCUMENTATION,1.0,EXT,1,2,s\n',
        calls=[("+493011111", "+493022222", "", 6, True)],
    ),
    "pbxware": Case(
        text="From,To,Date/Time,Total Duration,Rating Duration,Status,Unique ID\n"
        f"{A},SECRET ({B}),1772445600,10,10,Answered,1772445600.1\nSECRET ({A}),{B},1772445601,10,0,Not Answered,1772445601.1\n",
        calls=[(A, B, "", None, True), (A, B, "", None, False)],
    ),
    "3cx-cdr": Case(
        text=f"Call 1,id,00:00:36,2026/03/02 10:00:00,2026/03/02 10:00:10,2026/03/02 10:00:46,TerminatedBySrc,{A},Ext.{B},10021,960,960,,,,,,,,Chain: x;\n"
        f"Call 2,id,,2026/03/02 10:01:00,,2026/03/02 10:01:20,TerminatedBySrc,{A},{B},10021,960,960,,,,,,,,Chain: x;,more\n",
        calls=[(A, B, "", 36, True), (A, B, "", 0, False)],
    ),
    "freeswitch-cdr-csv": Case(
        text=f'"SECRET","{A}","{B}","default","2026-03-02 10:00:00","2026-03-02 10:00:05","2026-03-02 10:01:00","60","55","NORMAL_CLEARING","u","","","PCMA","PCMA"\n'
        f'"SECRET","{A}","{B}","default","2026-03-02 10:02:00","","2026-03-02 10:02:10","10","0","NO_ANSWER","u","","","",""\n',
        calls=[(A, B, "", 55, True), (A, B, "", 0, False)],
    ),
    "kamailio-flatstore": Case(
        text=FLAT.format("INVITE", 200, B) + FLAT.format("BYE", 200, "") + FLAT.format("INVITE", 487, ""),
        calls=[(A, B, "", None, True), (A, C, "", None, False)],
        skipped={"row-left-out": 1},
    ),
    "avaya-ip-office": Case(
        text=f"2026/03/02 10:00:00,00:05:15,4,{A},I,{B},{B},,0,1000014,0,E4750,SECRET,T9001,Line 1.0,0,0,,,,,,,,,,,,,,\n"
        f"2026/03/02 10:10:00,00:00:00,9,{A},O,{B},{B},,0,1000015,0,E4750,SECRET,T9001,Line 1.0,0,0\n",
        calls=[(A, B, "", 315, None), (A, B, "", 0, None)],
    ),
    "broadworks": Case(
        text="version=17.0 encoding=ISO-8859-1\n"
        + BROADWORKS.format(kind="Normal", said="Yes", answer="20260302100005.250")
        + BROADWORKS.format(kind="Normal", said="No", answer="")
        + BROADWORKS.format(kind="Failover", said="", answer=""),
        calls=[(A, B, "", 55, True), (A, B, "", 0, False)],
        skipped={"comment": 1, "row-left-out": 1},
    ),
    "teams-pstn": Case(
        text=lines(graph(callType="user_out", usageCountryCode="DE")), calls=[(A, B, "", 55, None)], start="2026-03-02 10:00:05"
    ),
    "teams-direct-routing": Case(
        text=lines(
            graph(inviteDateTime="2026-03-02T10:00:00Z", successfulCall=True, finalSipCode=0),
            graph(inviteDateTime="2026-03-02T10:02:00Z", startDateTime=None, duration=0, successfulCall=False, finalSipCode=487),
        ),
        calls=[(A, B, "", 55, True), (A, B, "", 0, False)],
    ),
    "plivo-calls": Case(
        text=lines(
            {"call_uuid": "u", "from_number": A, "to_number": B, "call_direction": "outbound", "initiation_time": "2026-03-02 15:30:00+05:30",
             "answer_time": "2026-03-02 15:30:05+05:30", "end_time": "2026-03-02 15:31:00+05:30"},
            {"call_uuid": "v", "from_number": A, "to_number": B, "call_direction": "outbound", "initiation_time": "2026-03-02 15:40:00+05:30",
             "answer_time": None, "end_time": "2026-03-02 15:41:00+05:30"},
        ),
        calls=[(A, B, "", 55, True), (A, B, "", 0, False)],
    ),
    "vonage-sms": Case(
        text="account_id,message_id,client_ref,direction,from,to,network,network_name,country,country_name,date_received,date_finalized,latency,status,error_code,error_code_description,currency,total_price\n"
        f"x,1,,outbound,{A[1:]},{B[1:]},26201,N,DE,Germany,2026-03-02T10:00:00+0000,2026-03-02T10:00:02+0000,9,delivered,0,Delivered,EUR,0.1\n"
        f"x,2,,outbound,CORP,{B[1:]},26201,N,DE,Germany,2026-03-02T11:01:00+0100,,9,expired,0,,EUR,0.1\n"
        f"x,3,,outbound,{A[1:]},{B[1:]},26201,N,DE,Germany,2026-03-02T10:02:00+0000,,9,buffered,0,,EUR,0.1\n",
        style="e164-no-plus",
        calls=[(A, B, "", None, True), ("CORP", B, "", None, False), (A, B, "", None, None)],
        texts=3,
    ),
    "vonage-sms-inbound": Case(
        text="account_id,message_id,direction,from,to,network,network_name,country,country_name,date_received,message_body,currency,total_price\n"
        f"x,1,inbound,{A[1:]},{B[1:]},26201,N,DE,Germany,2026-03-02T10:00:00+0000,SECRET,EUR,0.1\n",
        style="e164-no-plus",
        calls=[(A, B, "", None, None)],
        texts=1,
    ),
    "vonage-calls": Case(
        text="account_id,call_id,direction,from,to,country,country_name,network,network_name,date_start,date_end,duration,price,status,status_description,currency,total_price\n"
        f"x,1,outbound,{A[1:]},{B[1:]},DE,Germany,26201,N,2026-03-02T10:00:00+0000,2026-03-02T10:01:00+0000,55,0.1,answered,ok,EUR,0.1\n"
        f"x,2,outbound,{A[1:]},{B[1:]},DE,Germany,26201,N,2026-03-02T11:00:00+0000,2026-03-02T11:01:00+0000,0,0.1,failed,no,EUR,0.1\n",
        style="e164-no-plus",
        calls=[(A, B, "", None, True), (A, B, "", None, False)],
    ),
    "aws-connect": Case(
        text=lines(contact("INBOUND"), contact("OUTBOUND", ConnectedToSystemTimestamp=None), contact("TRANSFER"), contact("API", Channel="CHAT")),
        calls=[(B, A, "", 55, True), (A, B, "", 0, False)],
        skipped={"row-left-out": 2},
    ),
    "zoom-phone": Case(
        text=lines(
            zoom("7", "Missed", callee_number="1001", callee_did_number=C),
            zoom("7", "Call connected", callee_number="1025", callee_did_number=B, date_time="2026-03-02T10:00:05Z"),
            zoom("8", "SECRET", callee_number=B, date_time="2026-03-02T10:05:00Z"),
        ),
        calls=[(A, B, "", None, True), (A, B, "", None, None)],
        merged=1,
    ),
    "india-jio": Case(
        text="Ticket Number :,X1\nTotal Records :,4\n"
        "Calling Party Telephone Number,Called Party Telephone Number,Call Forwarding,LRN Called No,Call Date,Call Time,Call Termination Time,Call Duration,Call Type\n"
        "'919000000001','919000000002','-','-',02/03/2026,10:00:00,10:01:00,60,a_out\n'919000000003','919000000001',,,02/03/2026,23:59:59,00:00:29,30,a_in\n"
        "'JX-BANKIN','919000000001',,,02/03/2026,19:29:23,19:29:23,,A2P_SMSIN\n'919000000003','919000000001',,,02/03/2026,23:59:59,00:00:29,30,other\n",
        calls=[
            ("+919000000001", "+919000000002", "", 60, None),
            ("JX-BANKIN", "+919000000001", "", None, None),
            ("+919000000003", "+919000000001", "", 30, None),
        ],
        texts=1,
        rejects=["unknown-kind"],
        country="IN",
    ),
    "india-airtel": Case(
        text="BHARTI AIRTEL LIMITED \n\nCall Details of Mobile No '9000000001'\n\n"
        "Target No,Call Type,TOC,B Party No,LRN No,Date,Time,Dur(s),First CGI,Service Type,Call Fow No\n"
        "'919000000001',OUT,Post,'919000000002',,'02/03/2026',10:00:00,41,1-2-3,Voice,-\n'919000000001',IN,Post,'919000000003',,'02/03/2026',10:02:00,7,1-2-3,Voice,-\n"
        "'919000000001',SMT,Post,'AD-Some-S',-,'02/03/2026',10:05:00,0,1-2-3,SMS,-\n",
        calls=[
            ("+919000000001", "+919000000002", "", 41, None),
            ("+919000000003", "+919000000001", "", 7, None),
            ("AD-Some-S", "+919000000001", "", 0, None),
        ],
        texts=1,
        country="IN",
    ),
    "india-vi": Case(
        text="Vodafone Idea Call Data Records\nReport Type :- x\n"
        "Target /A PARTY NUMBER,CALL_TYPE,Type of Connection,B PARTY NUMBER,LRN,Translation of LRN,Call date,Call Initiation Time,Call Duration,First BTS Location,Service Type\n"
        "919000000001,a_out,,919000000002,,,02-03-2026,10:00:00,60,Tower A,Voice,\n919000000001,Incoming,,919000000003,,,02/03/2026,10:10:00,30,Tower A,Voice,\n"
        "Note :- This is a System generated Report.\n",
        calls=[("+919000000001", "+919000000002", "", 60, None), ("+919000000003", "+919000000001", "", 30, None)],
        skipped={"comment": 1},
        country="IN",
    ),
    "india-bsnl": Case(
        text="Search Criteria : MSISDN\n"
        "Target/A-Party Number,Call Type,Type of Connection,Other/B-party Number,Call Date,Call Initiation Time,Call Duration,Service Type\n"
        "9000000001,OUT,,9000000002,02/03/2026,10:00:00,60,Voice Call\n9000000001,IN,,57645,02/03/2026,10:10:00,1,SMS\n*** END OF REPORT ***\nCDR COUNT : 2\n",
        calls=[("+919000000001", "+919000000002", "", 60, None), ("short", "+919000000001", "", 1, None)],
        texts=1,
        skipped={"comment": 2},
        country="IN",
    ),
    "m365-trace-summary": Case(
        text='"Received","Sender Address","Recipient Address","Subject","Status","To IP","From IP","Size","Message ID","Message Trace ID"\r\n'
        f'"2026-03-02T10:00:00.4907658","{ANN}","{BOB}","SECRET, ""you""","Delivered",,"192.0.2.1","9","<m1>","x"\r\n'
        f'"2026-03-02T10:01:00","{ANN}","all@example.net","Hi","Expanded",,,"9","<m1>","x"\r\n"2026-03-02T10:02:00","{ANN}","{CID}","Hi","Pending",,,"9","<m2>","y"\r\n',
        mails=[(ANN, BOB, True), (ANN, CID, None)],
        skipped={"row-left-out": 1},
    ),
    "m365-trace-json": Case(
        text=lines({"Received": "2026-03-02T10:00:00.4907658", "SenderAddress": ANN, "RecipientAddress": BOB, "Status": "Failed", "MessageId": "<m1>", "Subject": "SECRET"}),
        mails=[(ANN, BOB, False)],
    ),
    "m365-trace-enhanced": Case(
        text="origin_timestamp_utc,sender_address,recipient_status,message_subject,total_bytes,message_id,network_message_id\r\n"
        f"2026-03-02T10:00:00.1234567Z,{ANN},{BOB}##Receive, Deliver;{CID}##Receive, Fail,SECRET,9,<m1>,n1\r\n".replace(
            f"{BOB}##", f'"{BOB}##'
        ).replace("Fail,", 'Fail",'),
        mails=[(ANN, BOB, True), (ANN, CID, False)],
    ),
    "m365-trace-extended": Case(
        text=(
            "date_time_utc,source,event_id,message_id,network_message_id,recipient_address,recipient_status,message_subject,sender_address\r\n"
            f"2026-03-02T10:00:00.000Z,SMTP,RECEIVE,<m1>,n1,{BOB};{CID},,SECRET,{ANN}\r\n2026-03-02T10:00:01.000Z,AGENT,AGENTINFO,<m1>,n1,{BOB};{CID},,SECRET,{ANN}\r\n"
            f"2026-03-02T10:00:02.000Z,STOREDRIVER,DELIVER,<m1>,n1,{BOB},,SECRET,{ANN}\r\n2026-03-02T10:00:03.000Z,SMTP,FAIL,<m1>,n1,{CID},,SECRET,{ANN}\r\n"
        ).encode("utf-16"),
        mails=[(ANN, BOB, True), (ANN, CID, False)],
        merged=2,
        skipped={"row-left-out": 1},
    ),
    "google-log-search": Case(
        text="Message ID,Start date,End date,Sender,Message size,Subject,Direction,Attachments,Recipient address,Event target,Event date,Event status,Event target ip address\n"
        f'<m1>,2026/03/02 10:00:00 UTC,x,{ANN},9,"SECRET, all",Received,,{BOB},,2026/03/02 10:00:00 UTC,Received from SMTP,192.0.2.1\n'
        f'<m1>,2026/03/02 10:00:00 UTC,x,{ANN},9,"SECRET, all",Received,,{BOB},{BOB},2026/03/02 10:00:03 UTC,Inserted,\n'
        f"<m2>,2026/03/02 11:00:00 UTC,x,{BOB},9,Re,Sent,,{CID},{CID},2026/03/02 11:00:03 UTC,Bounced,\n",
        mails=[(ANN, BOB, True), (BOB, CID, False)],
        merged=1,
    ),
    "amazon-ses": Case(
        text=lines(
            ses("Send", [BOB, CID]),
            ses("Delivery", [BOB, CID], delivery={"timestamp": "2026-11-20T10:00:02.000Z", "recipients": [BOB]}),
            ses("Bounce", [BOB, CID], bounce={"bouncedRecipients": [{"emailAddress": CID, "action": "failed"}]}),
            ses("Open", [BOB], open={}),
        ),
        mails=[(ANN, BOB, True), (ANN, CID, False)],
        merged=2,
        skipped={"row-left-out": 1},
        start="2026-11-20 10:00:00",
    ),
    "sendgrid-events": Case(
        text=lines(
            sendgrid("processed", BOB, 1772445600), sendgrid("delivered", BOB, 1772445601), sendgrid("open", BOB, 1772445602),
            sendgrid("processed", CID, 1772445600), sendgrid("bounce", CID, 1772445609),
        ),
        mails=[("", BOB, True), ("", CID, False)],
        merged=2,
        skipped={"row-left-out": 1},
    ),
    "mailgun-events": Case(
        text=lines(mailgun("accepted", 1772445600.25), mailgun("failed", 1772445601.5), mailgun("delivered", 1772445660.5), mailgun("opened", 1772445666)),
        mails=[(ANN, BOB, True)],
        merged=2,
        skipped={"row-left-out": 1},
    ),
    "mitel-smdr": Case(
        text=placed(90, _2="03/02", _8="10:00", _15="00:00:55", _24="1024", _34="03022222222", _60="A", _62="T001", _86="001")
        + placed(112, _2="03/02", _8="10:01", _15="00:00:05", _24="T001", _29="***", _34="7777", _62="1024", _86="001", _92="030333333", _103="7777")
        + placed(112, _1="-", _2="03/02", _8="10:02", _15="00:05:05", _24="X001", _29="007", _62="1024", _66="T", _68="1025", _86="001", _92="030333333")
        + placed(90, _2="03/02", _8="10:03", _15="00:00:05", _24="1024", _34="1025", _60="I", _62="1025", _86="001")
        + placed(90, _2="03/02", _8="10:04", _15="00:00:05", _24="ATT1", _34="03022222222", _62="T001", _86="001")
        + placed(90, _2="03/02", _8="10:05P", _15="00:00:05", _24="1024", _34="03022222222", _62="T001", _86="001")
        + placed(101, _2="03/02", _8="10:06", _15="0000:00:05", _26="1024", _39="03022222222", _67="T001", _97="001"),
        calls=[("short", "+493022222222", "", None, True), ("+4930333333", "short", "", None, False), ("+4930333333", "short", "", None, None)],
        rejects=["unknown-direction", "wrong-column-count", "wrong-column-count"],
        skipped={"row-left-out": 1},
        local=True,
    ),
    "mitel-smdr-wide": Case(
        text=placed(207, _2="03/02", _8="10:00:00", _18="0000:00:05", _29="1024567", _42="03022222222", _63="00000", _68="A", _108="001", _114="19025")
        + placed(207, _2="03/02", _8="10:01:00", _18="0000:00:21", _29="T12", _37="****", _42="9999", _70="1024567", _108="001", _114="030333333", _135="9999")
        + placed(207, _2="03/02", _8="10:02:00", _18="0000:00:43", _29="T3", _37="0007", _70="1024567", _85="T", _87="9025", _108="001")
        + placed(207, _2="03/02", _8="10:03:00", _18="0000:00:43", _37="0007", _70="1024567", _108="001", _114="030333333"),
        calls=[("1024567", "+493022222222", "", None, True), ("+4930333333", "1024567", "", None, False), ("", "1024567", "", None, None)],
        rejects=["unknown-direction"],
        local=True,
    ),
    "mimecast-siem": Case(
        text=lines(
            mimecast(BOB, "11:00:00", Act="Acc"), mimecast(CID, "11:00:00", Act="Rej"),
            mimecast(BOB, "11:00:01", Delivered=False, Attempt=1), mimecast(BOB, "11:00:05", Delivered=True, Attempt=2),
            mimecast(BOB, "11:00:01", RcptActType="Jnl"), {"acc": "C0", "aCode": "k1", "datetime": "2026-03-02T11:00:01+0100", "Act": "Acc", "Sender": ANN},
        ),
        mails=[(ANN, BOB, True), (ANN, CID, False)],
        merged=2,
        skipped={"row-left-out": 2},
    ),
    "mimecast-events": Case(
        text=lines(
            mimecast_event("receipt", BOB, 1772445600000, action="Acc"), mimecast_event("delivery", BOB, 1772445601000, delivered="true"),
            mimecast_event("receipt", CID, 1772445600000, action="Acc"), mimecast_event("journal", CID, 1772445600000),
        ),
        mails=[(ANN, BOB, True), (ANN, CID, None)],
        merged=1,
        skipped={"row-left-out": 1},
    ),
    "hmailserver": Case(
        text=f"2026-03-02 10:00:00\t{ANN}\t{BOB}\t192.0.2.1\t192.0.2.2\tSMTP\t?\t250\t1024\r\n2026-03-02 10:01:00\t{ANN}\t{CID}\t192.0.2.1\t192.0.2.2\tSMTP\t?\t550\t0\r\n",
        mails=[(ANN, BOB, True), (ANN, CID, False)],
    ),
}  # fmt: skip


def read(path, name, country, style="any", *, local=False):
    preset = presets()[name]
    named = "" if preset.header else f'preset = "{name}"\n'
    feed = parse_feed(
        f'[feed]\nname = "x"\nhome_country = "{country}"\ntime_zone = "UTC"\nnumber_style = "{style}"\nlocal_identities = {str(local).lower()}\n{named}',
        "feed",
    )
    one = open_file(str(path), feed)
    assert one.feed.preset == name
    one.source.scan(is_text=one.is_text)
    if one.bound is not None:
        chunks = one.source.chunks(skip_lines=one.skip_lines)
        return [one.bound.read(chunk.read(), first_line=chunk.first_line, window=WINDOW) for chunk in chunks]
    readers = InOrder(WINDOW)
    steps = [*readers.read(0, one), *readers.finish()]
    return [found.parsed for step in steps for found in step.results]


def party(row, name):
    kind, number, text = (row[f"{name}_{what}"] for what in ("type", "number", "text"))
    return "" if not kind else text or (f"+{number}" if kind == 1 else "short")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


def test_every_preset_has_a_case():
    assert set(CASES) == set(presets())


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_file_in_its_layout_is_read_right(path, name):
    case = CASES[name]
    path.write_bytes(case.text if isinstance(case.text, bytes) else case.text.encode())
    found = read(path, name, case.country, case.style, local=case.local)
    rows = sorted(
        (row for parsed in found for row in parsed.batch.to_pylist()),
        key=lambda row: (row["start"], row["b_text"] or ""),
    )
    if case.calls:
        told = [(party(r, "a"), party(r, "b"), party(r, "f"), r["duration_s"], r["answered"]) for r in rows]
        assert told == case.calls
    else:
        assert [(party(row, "a"), party(row, "b"), row["answered"]) for row in rows] == case.mails
    assert {row["kind"] for row in rows} <= ({3} if case.mails else {1, 2})
    assert sum(row["kind"] == 2 for row in rows) == case.texts
    assert f"{rows[0]['start']:%Y-%m-%d %H:%M:%S}" == case.start
    assert [Reason(reason).label for parsed in found for reason in parsed.rejects.reasons.tolist()] == case.rejects
    assert {word: n for parsed in found for word, n in parsed.skipped.items() if word != "empty-line"} == case.skipped
    assert sum(parsed.merged.total() for parsed in found) == case.merged
    assert "SECRET" not in str(rows)


@pytest.mark.parametrize("name", sorted(name for name, one in presets().items() if one.header))
def test_feed_check_finds_it_and_proposes_a_feed_that_reads_its_file(path, tmp_path, capfd, name):
    case = CASES[name]
    path.write_bytes(case.text if isinstance(case.text, bytes) else case.text.encode())
    assert (
        run(["feed", "check", str(path), "--country", case.country, "--zone", "UTC", "-o", str(tmp_path / "f.toml")])
        == 0
    )
    out, _ = capfd.readouterr()
    assert f"the header of preset {name}" in out
    assert parse_feed((tmp_path / "f.toml").read_text(), "f.toml").preset == name
    assert run(["feed", "check", str(path), "--feed", str(tmp_path / "f.toml")]) == 0


def test_the_presets_are_listed_and_shown(capfd):
    assert run(["feed", "presets"]) == 0
    out, _ = capfd.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == sorted(presets())
    assert run(["feed", "presets", "--json"]) == 0
    assert [one["name"] for one in json.loads(capfd.readouterr().out)] == sorted(presets())
    assert run(["feed", "presets", "hmailserver"]) == 0
    assert parse_preset(capfd.readouterr().out, "hmailserver").format == "csv"
    assert run(["feed", "presets", "nobody"]) == 2
    assert "coffer feed presets lists them" in capfd.readouterr().err


HEAD = '[feed]\nname = "x"\nhome_country = "DE"\ntime_zone = "UTC"\n'


def test_what_a_feed_says_comes_before_its_preset():
    feed = parse_feed(f'{HEAD}preset = "freepbx"\n[columns]\nduration_s = "duration"\n[csv]\ndelimiter = ";"\n', "feed")
    assert (feed.columns["duration_s"], feed.columns["a"], feed.mapping.text.delimiter) == (
        ("duration",),
        ("src",),
        ";",
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('preset = "nobody"\n', "preset: unknown"),
        ('preset = "freepbx"\n[columns]\nc = "x"\n', "c: unknown key"),
        ('preset = "freepbx"\n[kannel]\n', "unknown key"),
    ],
)
def test_a_feed_with_a_preset_is_as_strict_as_any(more, message):
    with pytest.raises(MalformedInput, match=message):
        parse_feed(HEAD + more, "feed")


def test_a_file_of_two_presets_is_refused_unless_one_asks_for_all_that_the_other_asks_for(path):
    both = presets()["india-airtel"].header | presets()["india-bsnl"].header
    path.write_text(",".join(sorted(both)) + "\n" + ",".join("x" for _ in both) + "\n")
    with pytest.raises(MalformedInput, match="could be of preset india-airtel or india-bsnl"):
        open_file(str(path), parse_feed(HEAD, "feed"))


def test_the_page_of_presets_is_that_of_their_files():
    root = Path(__file__).parent.parent.parent
    sys.path.insert(0, str(root / "scripts"))
    try:
        from make_presets_page import page
    finally:
        sys.path.pop(0)
    assert (root / "docs/formats/presets.md").read_text() == page()


def test_below_a_preset_stands_a_feed_that_uses_it(capfd):
    assert run(["feed", "presets", "freeswitch-cdr-csv"]) == 0
    shown, _, use = capfd.readouterr().out.partition("# A feed that uses it")
    assert shown.strip() == presets()["freeswitch-cdr-csv"].text.strip()
    text = "\n".join(line.removeprefix("# ") for line in use.splitlines()[1:])
    assert parse_feed(text, "feed").preset == "freeswitch-cdr-csv"
