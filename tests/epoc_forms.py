"""Forms of European orders, invented, with whatever a test changes. Numbers and names are fictitious."""

CASE = "EPOC-DE-FR-2016-09-05-0001-1"
FORM_ID = "6f1a2c10-0001-4000-8000-000000000001"
NAMESPACES = (
    'xmlns:epoc="http://data.europa.eu/edm/1/ns/epoc" xmlns:eio="http://data.europa.eu/edm/1/ns/eio" '
    'xmlns:f="http://data.europa.eu/edm/1/ns/forms/{}#"'
)
RANGE = ("2016-09-01T00:00:00+02:00", "2016-09-02T23:59:59+02:00")
TRAFFIC = "<epoc:Traffic><epoc:Option>TELEPHONY_IDENTIFIERS</epoc:Option></epoc:Traffic>"
CONTENT = "<epoc:Content><epoc:Option>MAILBOX</epoc:Option></epoc:Content>"
SUBSCRIBER = "<epoc:Subscriber><epoc:Option>USER_INFORMATION</epoc:Option></epoc:Subscriber>"
AUTHORITY = (
    "<eio:AuthorityTechnicalIdentifier><eio:Country>DE</eio:Country><eio:NationalId>authority-1</eio:NationalId>"
    "</eio:AuthorityTechnicalIdentifier>"
)
PROVIDER = (
    "<epoc:ServiceProviderConcerned><epoc:TechnicalIdentifier><eio:Country>FR</eio:Country>"
    "<eio:NationalId>provider-1</eio:NationalId></epoc:TechnicalIdentifier></epoc:ServiceProviderConcerned>"
)
ISSUER = (
    "<epoc:Type>PUBLIC_PROSECUTOR</epoc:Type><epoc:IssuingAndContactAuthority><epoc:IssuingAuthority>"
    "<eio:NameOfAuthority>Staatsanwaltschaft Musterstadt</eio:NameOfAuthority><eio:FileReference>12 Js 345/16"
    "</eio:FileReference><eio:TelNo>+49 30 23125 000</eio:TelNo></epoc:IssuingAuthority></epoc:IssuingAndContactAuthority>"
    "<epoc:SignatureOfAuthority><epoc:Date>2016-09-05+02:00</epoc:Date></epoc:SignatureOfAuthority>"
)
DEADLINE = "<f:WithinTenDays>AS_SOON_AS_POSSIBLE</f:WithinTenDays>"
EMERGENCY = "<f:Emergency><f:Value>IMMINENT_THREAT_TO_LIFE</f:Value></f:Emergency>"


def evidence(number=1, kind="PHONE_NUMBER", value="+33612345678", ranges=(RANGE,), data=TRAFFIC):
    times = "".join(
        f"<epoc:DateTimeRange><epoc:Start>{start}</epoc:Start><epoc:End>{end}</epoc:End></epoc:DateTimeRange>"
        for start, end in ranges
    )
    return (
        f"<epoc:Evidence><epoc:Identifier><epoc:Id>{number}</epoc:Id><epoc:Type>{kind}</epoc:Type>"
        f"<epoc:Value>{value}</epoc:Value>{times}</epoc:Identifier>"
        f"<epoc:DataCategories>{data}</epoc:DataCategories></epoc:Evidence>"
    )


def wrapped(form, *, form_name, namespace, case=CASE, parent="", head=""):
    return (
        f"{head}<message {NAMESPACES.format(namespace)}><globalCaseId>{case}</globalCaseId><formId>{FORM_ID}</formId>"
        f"{parent}<form><f:{form_name}>{form}</f:{form_name}></form></message>"
    ).encode()


def form1(*asked, deadline=DEADLINE, provider=PROVIDER, issuer=ISSUER, more="", recipient="ISSUING_AUTHORITY", head=""):
    """A production order for one phone number, unless a test says otherwise."""
    return wrapped(
        f"<f:SectionB><epoc:Addressee><epoc:Authority>{AUTHORITY}</epoc:Authority>{provider}</epoc:Addressee></f:SectionB>"
        f"<f:SectionC><f:DataProductionInRelationToDeadline>{deadline}</f:DataProductionInRelationToDeadline></f:SectionC>"
        f"<f:SectionEToF>{''.join(asked or (evidence(),))}</f:SectionEToF><f:SectionI>{issuer}</f:SectionI>{more}"
        f"<f:SectionL><f:ToWhomTransferTheData><f:AuthorityCompetences>{recipient}</f:AuthorityCompetences>"
        "</f:ToWhomTransferTheData></f:SectionL>",
        form_name="epocForm1",
        namespace="EPOC-FORM_1",
        head=head,
    )


def form2(*asked):
    """A preservation order."""
    selected = [one.replace("epoc:Option>", "epoc:Selection>") for one in asked or (evidence(),)]
    return wrapped(
        f"<f:SectionB><epoc:Addressee>{AUTHORITY}{PROVIDER}</epoc:Addressee></f:SectionB>"
        f"<f:SectionC>{''.join(selected)}</f:SectionC><f:SectionF>{ISSUER}</f:SectionF>",
        form_name="epocPrForm2",
        namespace="EPOC-PR-FORM-2",
        case=CASE.replace("EPOC-", "EPOCPR-"),
    )


def later_form(number, *, parent="6f1a2c10-0007-4000-8000-000000000007", says="<f:Text>P30D</f:Text>"):
    """Form 5 or 6, which follow a preservation order."""
    return wrapped(
        f"<f:SectionA>{AUTHORITY}</f:SectionA><f:SectionB>{says}</f:SectionB>",
        form_name=f"epocPrForm{number}",
        namespace=f"EPOC-PR-FORM-{number}",
        case=CASE.replace("EPOC-", "EPOCPR-"),
        parent=f"<parentFormId>{parent}</parentFormId>",
    )
