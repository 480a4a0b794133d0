"""The words of the reply that something is not held, a table for each language. Pure.

Every key is in every table (a test compares them).
"""

from typing import Final

from coffer.disclosure.pdf_texts import NBSP

_ENGLISH: Final = {
    "to": "To",
    "authority": "[authority]",
    "date": "Date",
    "reference": "Your reference",
    "case": "[legal basis and case]",
    "received": "Your order, received",
    "day": "[day]",
    "title": "Data that we do not hold",
    "opening": "Your order asks for data that our store of communication records does not hold. We therefore cannot produce:",
    "subscriber": "Subscriber data (name, address, contract, identification): these are not kept with the records. Our customer systems may hold them: [name the service that answers, or say that there is none].",
    "content": "Content (what was said or written, voicemail, attachments): it is never recorded.",
    "ip-address": "Data of an IP or MAC address (who used it, which addresses were reached): no record holds such an identifier.",
    "place": "A search by place (everybody near an antenna): records open only for a named number or address, and never for a place. Records of a named number may hold the antenna, where the service keeps it.",
    "payment": "Payment data (bills, means of payment, top-ups): these are not kept with the records. Our customer systems may hold them: [name the service that answers, or say that there is none].",
    "held": "What we hold are records of calls, text messages and e-mail: who was in contact with whom, when and for how long. They open for named numbers or addresses and named times, when custodians who are independent of each other have approved the order.",
    "more": "If you seek such records, please name each number in international form, or each e-mail address, and the times with their time zone.",
    "closing": "Yours faithfully,",
    "signature": "[name and office]",
}
_FRENCH: Final = {
    "to": "À",
    "authority": "[autorité]",
    "date": "Date",
    "reference": "Votre référence",
    "case": "[base légale et affaire]",
    "received": "Votre réquisition, reçue le",
    "day": "[jour]",
    "title": "Données que nous ne détenons pas",
    "opening": f"Votre réquisition porte sur des données que notre coffre d’enregistrements de communications ne contient pas. Nous ne pouvons donc pas produire{NBSP}:",
    "subscriber": f"Données d’abonné (nom, adresse, contrat, identification){NBSP}: elles ne sont pas conservées avec les enregistrements. Nos systèmes clients peuvent les détenir{NBSP}: [nommer le service qui répond, ou dire qu’il n’y en a pas].",
    "content": f"Contenu (ce qui a été dit ou écrit, messagerie vocale, pièces jointes){NBSP}: il n’est jamais enregistré.",
    "ip-address": f"Données d’une adresse IP ou MAC (qui l’a utilisée, quelles adresses ont été jointes){NBSP}: aucun enregistrement ne contient un tel identifiant.",
    "place": f"Recherche par lieu (toutes les personnes près d’une antenne){NBSP}: les enregistrements ne s’ouvrent que pour un numéro ou une adresse désignés, jamais pour un lieu. Ceux d’un numéro désigné peuvent indiquer l’antenne, si le service la conserve.",
    "payment": f"Données de paiement (factures, moyens de paiement, recharges){NBSP}: elles ne sont pas conservées avec les enregistrements. Nos systèmes clients peuvent les détenir{NBSP}: [nommer le service qui répond, ou dire qu’il n’y en a pas].",
    "held": f"Nous détenons des enregistrements d’appels, de messages et de courriels{NBSP}: qui a été en relation avec qui, quand et combien de temps. Ils s’ouvrent pour des numéros ou des adresses désignés et des périodes désignées, lorsque des dépositaires indépendants les uns des autres ont approuvé la réquisition.",
    "more": "Si vous recherchez de tels enregistrements, veuillez désigner chaque numéro sous sa forme internationale, ou chaque adresse électronique, et les périodes avec leur fuseau horaire.",
    "closing": "Veuillez agréer l’expression de notre considération distinguée.",
    "signature": "[nom et qualité]",
}
_GERMAN: Final = {
    "to": "An",
    "authority": "[Behörde]",
    "date": "Datum",
    "reference": "Ihr Zeichen",
    "case": "[Rechtsgrundlage und Sache]",
    "received": "Ihre Anordnung, eingegangen am",
    "day": "[Tag]",
    "title": "Daten, über die wir nicht verfügen",
    "opening": "Ihre Anordnung betrifft Daten, die unser Tresor für Verbindungsdaten nicht enthält. Wir können daher nicht herausgeben:",
    "subscriber": "Bestandsdaten (Name, Anschrift, Vertrag, Identifizierung): sie werden nicht bei den Verbindungsdaten aufbewahrt. Unsere Kundensysteme können darüber verfügen: [die Stelle nennen, die antwortet, oder sagen, dass es keine gibt].",
    "content": "Inhalte (was gesagt oder geschrieben wurde, Sprachnachrichten, Anhänge): sie werden nie aufgezeichnet.",
    "ip-address": "Daten zu einer IP- oder MAC-Adresse (wer sie nutzte, welche Adressen erreicht wurden): kein Datensatz enthält eine solche Kennung.",
    "place": "Eine Funkzellenabfrage (alle, die in der Nähe einer Antenne waren): Datensätze lassen sich nur für eine benannte Nummer oder Adresse öffnen, nie für einen Ort. Die einer benannten Nummer können die Antenne nennen, wenn der Dienst sie speichert.",
    "payment": "Zahlungsdaten (Rechnungen, Zahlungsmittel, Aufladungen): sie werden nicht bei den Verbindungsdaten aufbewahrt. Unsere Kundensysteme können darüber verfügen: [die Stelle nennen, die antwortet, oder sagen, dass es keine gibt].",
    "held": "Wir verfügen über Datensätze zu Anrufen, Textnachrichten und E-Mails: wer mit wem wann und wie lange in Verbindung stand. Sie lassen sich für benannte Nummern oder Adressen und benannte Zeiträume öffnen, wenn voneinander unabhängige Verwahrer die Anordnung gebilligt haben.",
    "more": "Wenn Sie solche Datensätze suchen, nennen Sie bitte jede Nummer in internationaler Schreibweise oder jede E-Mail-Adresse, und die Zeiträume mit ihrer Zeitzone.",
    "closing": "Mit freundlichen Grüßen",
    "signature": "[Name und Amt]",
}
TEXTS: Final = {"en": _ENGLISH, "fr": _FRENCH, "de": _GERMAN}
