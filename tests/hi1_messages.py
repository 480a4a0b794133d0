"""Messages of ETSI TS 103 120, invented, with whatever a test changes; numbers are fictitious."""

import base64

ORDER = "6f1a2c10-0001-4000-8000-000000000001"
TRANSACTION = "f243ee9c-2735-439e-aea1-016b43594a7d"
REFERENCE = "EPOC-DE-FR-2016-09-05-0001-1"
NAMESPACES = (
    'xmlns="http://uri.etsi.org/03120/common/2019/10/Core" xmlns:c="http://uri.etsi.org/03120/common/2016/02/Common" '
    'xmlns:auth="http://uri.etsi.org/03120/common/2020/09/Authorisation" '
    'xmlns:task="http://uri.etsi.org/03120/common/2020/09/Task" '
    'xmlns:doc="http://uri.etsi.org/03120/common/2020/09/Document" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)
START, END = "2016-08-31T22:00:00Z", "2016-09-02T21:59:59+00:00"
OWNER = "<CountryCode>DE</CountryCode><OwnerIdentifier>authority-1</OwnerIdentifier>"


def object_id(number):
    return f"00000000-0000-4000-8000-{number:012d}"


def entry(element, name, value, owner="ETSI"):
    return f"<{element}><c:Owner>{owner}</c:Owner><c:Name>{name}</c:Name><c:Value>{value}</c:Value></{element}>"


def flag(value, name="AuthorisationFlag"):
    return entry("auth:AuthorisationFlag", name, value)


LEGAL = entry("auth:AuthorisationLegalType", "EPOCLegalType", "EPOC")
PRESERVES = entry("auth:AuthorisationLegalType", "EPOCLegalType", "EPOCPR")
TEN_DAYS = entry("auth:AuthorisationPriority", "EPOCPriority", "TenDaysASAP")
EIGHT_HOURS = entry("auth:AuthorisationPriority", "EPOCPriority", "EightHours")
STATUS = entry("auth:AuthorisationDesiredStatus", "AuthorisationDesiredStatus", "SubmittedToCSP")
APPROVAL = (
    "<auth:AuthorisationApprovalDetails><c:ApprovalType>IssuingAuthority</c:ApprovalType>"
    "<c:ApprovalReference>12 Js 345/16</c:ApprovalReference><c:ApproverDetails>"
    "<c:ApproverName>Staatsanwaltschaft Musterstadt</c:ApproverName><c:ApproverRole>PublicProsecutor</c:ApproverRole>"
    "<c:ApproverContactDetails><c:PhoneNumber>493023125000</c:PhoneNumber></c:ApproverContactDetails>"
    "</c:ApproverDetails></auth:AuthorisationApprovalDetails>"
)
CSP = "<CSPID><CountryCode>FR</CountryCode><UniqueIdentifier>provider-1</UniqueIdentifier></CSPID>"


def authorisation(
    legal=LEGAL, priority=TEN_DAYS, status=STATUS, approval=APPROVAL, flags="", csp=CSP, more="", reference=REFERENCE
):
    """The object of an order of the Union, unless a test says otherwise."""
    provider = (
        f"<auth:AuthorisationCSPID>{csp.replace('CSPID>', 'auth:CSPID>')}</auth:AuthorisationCSPID>" if csp else ""
    )
    return (
        f'<HI1Object xsi:type="auth:AuthorisationObject"><ObjectIdentifier>{ORDER}</ObjectIdentifier>{OWNER}'
        f"<auth:AuthorisationReference>{reference}</auth:AuthorisationReference>{legal}{priority}{status}{provider}"
        f"{approval}<auth:AuthorisationFlags>{flags}</auth:AuthorisationFlags>{more}</HI1Object>"
    )


def value(name="InternationalE164", text="33612345678", owner="ETSI"):
    return (
        f"<task:RequestValue><task:FormatType><task:FormatOwner>{owner}</task:FormatOwner><task:FormatName>{name}"
        f"</task:FormatName></task:FormatType><task:Value>{text}</task:Value></task:RequestValue>"
    )


SUBTYPE = f"<task:Subtype>{entry('task:RequestSubtype', 'EPOCRequestSubtype', 'CallDetails')}</task:Subtype>"
TIMES = f"<task:StartTime>{START}</task:StartTime><task:EndTime>{END}</task:EndTime>"
DELIVERY = (
    "<task:DeliveryDetails><task:LDDeliveryDestination><task:DeliveryAddress><task:URL>https://authority.example/in"
    "</task:URL></task:DeliveryAddress>{}</task:LDDeliveryDestination></task:DeliveryDetails>"
)
TO_ISSUER = DELIVERY.format(entry("task:LDDeliveryProfile", "EPOCDeliveryProfile", "IssuingAuthority"))


def task(
    number=1, *, values=None, kind="TrafficData", times=TIMES, subtype=SUBTYPE, delivery=TO_ISSUER, more="", of=ORDER
):
    """A task to disclose a phone number's traffic data, unless a test says otherwise."""
    asked = entry("task:Type", "RequestType", kind) if kind else ""
    asked += times + f"<task:RequestValues>{values or value()}</task:RequestValues>{subtype}"
    return (
        f'<HI1Object xsi:type="task:LDTaskObject"><ObjectIdentifier>{object_id(number)}</ObjectIdentifier>{OWNER}'
        f"<AssociatedObjects><AssociatedObject>{of}</AssociatedObject></AssociatedObjects>"
        f"<task:Reference>DE-authority-1-{number}</task:Reference>"
        f"{entry('task:DesiredStatus', 'LDTaskDesiredStatus', 'AwaitingDisclosure')}"
        f"<task:RequestDetails>{asked}</task:RequestDetails>{delivery}{more}</HI1Object>"
    )


def keep(number=1, **changes):
    """The same as a task to preserve."""
    until = "<task:DesiredPreservationExpiration>2016-10-05T00:00:00Z</task:DesiredPreservationExpiration>"
    text = task(number, **({"delivery": until} | changes))
    text = text.replace("LDTaskObject", "LPTaskObject").replace("AwaitingDisclosure", "AwaitingPreservation")
    return text.replace(f"<task:Reference>DE-authority-1-{number}</task:Reference>", "")


def document(raw, number=90):
    """A document with these bytes."""
    return (
        f'<HI1Object xsi:type="doc:DocumentObject"><ObjectIdentifier>{object_id(number)}</ObjectIdentifier>'
        "<doc:DocumentName>The order</doc:DocumentName><doc:DocumentBody>"
        f"<doc:Contents>{base64.b64encode(raw).decode()}</doc:Contents>"
        "<doc:ContentType>text/plain</doc:ContentType></doc:DocumentBody></HI1Object>"
    )


DOCUMENT = document(b"abc")


def create(item):
    return f"<CREATE>{item}</CREATE>"


def update(item):
    return f"<UPDATE>{item}</UPDATE>"


def message(*actions, version="V1.22.1", head="", more=""):
    """A message with these actions, which are numbered from 0."""
    requests = "".join(
        f"<ActionRequest><ActionIdentifier>{number}</ActionIdentifier>{action}</ActionRequest>"
        for number, action in enumerate(actions)
    )
    return (
        f"{head}<HI1Message {NAMESPACES}><Header><SenderIdentifier><CountryCode>XX</CountryCode><UniqueIdentifier>"
        "LEA-SYSTEM</UniqueIdentifier></SenderIdentifier><ReceiverIdentifier><CountryCode>XX</CountryCode>"
        "<UniqueIdentifier>CSP-SYSTEM</UniqueIdentifier></ReceiverIdentifier>"
        f"<TransactionIdentifier>{TRANSACTION}</TransactionIdentifier><Timestamp>2016-09-05T10:00:00.000000Z</Timestamp>"
        f"<Version><ETSIVersion>{version}</ETSIVersion><NationalProfileOwner>EU</NationalProfileOwner>"
        "<NationalProfileVersion>v1.3.1</NationalProfileVersion></Version></Header><Payload><RequestPayload>"
        f"<ActionRequests>{requests}</ActionRequests></RequestPayload></Payload>{more}</HI1Message>"
    ).encode()


def order(*tasks, documents=(), **changes):
    """An order: its Authorisation is action 0, its tasks are actions 1 and on."""
    return message(create(authorisation(**changes)), *map(create, tasks or (task(),)), *map(create, documents))
