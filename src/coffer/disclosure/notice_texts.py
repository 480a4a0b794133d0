"""The words of the letter to a person and of a subject access's openings, a table for each language.

Pure. Every key is in every table (a test compares them). The typography is that of ``pdf_texts``.
"""

from typing import Final

from coffer.disclosure.pdf_texts import NBSP

_ENGLISH: Final = {
    "title": "Your communication records were opened",
    "title_none": "Your communication records were searched",
    "opening_none": "On an order of {authority}, records of communications of the identities named below were searched for. None were found that the order allowed, and nothing was opened. The order was secret until {day}. That time is over, and you have the right to know.",
    "to": "To",
    "date": "Date",
    "from": "From",
    "vault": "the vault {origin}",
    "opening": "On an order of {authority}, records of communications of the identities named below were opened. The order was secret until {day}. That time is over, and you have the right to know.",
    "content": "Records say who was in contact with whom, when and for how long, and for calls and texts near which antenna. They never say what was said or written: no content is collected, and none can be opened.",
    "what": "What was asked and opened",
    "concerned": "Identities concerned",
    "opened": "Asked on",
    "records": "Records opened",
    "handed": "Of these, handed over",
    "entries": "Entries in the public log",
    "rights": "What you can do",
    "access": "You can ask for the records of your own identities and for every opening that concerned them (subject access). The desk that sent this letter must answer.",
    "complaints": "You can complain to the supervisory authority for data protection of your country, and ask a court to review the order. The authority that gave the order is named above, with the legal basis and the case.",
    "supervisor": "The supervisory authority: {party}.",
    "verify": "How to verify this letter",
    "verify_text": "A folder named proof came with this letter. It holds every line of the order and the entries of a public log, to which one can only add. The free program coffer-audit shares no code with the one that wrote this letter. Run:",
    "verify_more": "It proves that the order is the one for which the log announces the openings, that the log holds those entries, and how many records were drawn. Obtain the key of the log and the hash of the first roster from one of the custodians named above, not from this letter, and give them as --log-key and --genesis.",
    "access_title": "Openings that concerned you",
    "access_text": "Under the orders below, records of the identities of this request were opened. Their secrecy is over. Each stands in the public log.",
    "access_none": "No opening whose secrecy is over concerned the identities of this request. An order that is still secret is not shown, and whether there is one is not said.",
}
_FRENCH: Final = {
    "title": "Vos données de connexion ont été ouvertes",
    "title_none": "Vos données de connexion ont été recherchées",
    "opening_none": "Sur réquisition de {authority}, des enregistrements de communications des identités désignées ci-dessous ont été recherchés. Aucun n’entrait dans les limites de la réquisition, et rien n’a été ouvert. La réquisition était secrète jusqu’au {day}. Ce délai est écoulé, et vous avez le droit de le savoir.",
    "to": "À",
    "date": "Date",
    "from": "De",
    "vault": "le coffre {origin}",
    "opening": "Sur réquisition de {authority}, des enregistrements de communications des identités désignées ci-dessous ont été ouverts. La réquisition était secrète jusqu’au {day}. Ce délai est écoulé, et vous avez le droit de le savoir.",
    "content": f"Ces enregistrements disent qui a été en relation avec qui, quand et combien de temps, et, pour les appels et les messages, près de quelle antenne. Ils ne disent jamais ce qui a été dit ou écrit{NBSP}: aucun contenu n’est collecté, et aucun ne peut être ouvert.",
    "what": "Ce qui a été demandé et ouvert",
    "concerned": "Identités concernées",
    "opened": "Demandé le",
    "records": "Enregistrements ouverts",
    "handed": "Dont communiqués",
    "entries": "Entrées du journal public",
    "rights": "Ce que vous pouvez faire",
    "access": "Vous pouvez demander les enregistrements de vos propres identités et toutes les ouvertures qui les ont concernées (droit d’accès). Le service qui vous adresse cette lettre doit répondre.",
    "complaints": "Vous pouvez adresser une réclamation à l’autorité de protection des données de votre pays (en France, la CNIL) et saisir un juge pour faire contrôler la réquisition. L’autorité qui l’a ordonnée est nommée ci-dessus, avec la base légale et l’affaire.",
    "supervisor": f"L’autorité de contrôle{NBSP}: {{party}}.",
    "verify": "Comment vérifier cette lettre",
    "verify_text": f"Un dossier nommé proof accompagne cette lettre. Il contient chaque ligne de la réquisition et les entrées d’un journal public, auquel on ne peut qu’ajouter. Le programme libre coffer-audit ne partage aucun code avec celui qui a écrit cette lettre. Lancez{NBSP}:",
    "verify_more": "Il prouve que la réquisition est bien celle pour laquelle le journal annonce les ouvertures, que le journal contient ces entrées, et combien d’enregistrements ont été tirés. Obtenez la clé du journal et l’empreinte du premier registre auprès d’un des dépositaires nommés ci-dessus, et non de cette lettre, et indiquez-les avec --log-key et --genesis.",
    "access_title": "Ouvertures qui vous ont concerné",
    "access_text": "En vertu des réquisitions ci-dessous, des enregistrements des identités de cette demande ont été ouverts. Leur secret a pris fin. Chacune figure au journal public.",
    "access_none": "Aucune ouverture dont le secret a pris fin n’a concerné les identités de cette demande. Une réquisition encore secrète n’est pas montrée, et il n’est pas dit s’il en existe une.",
}
NOTICE_TEXTS: Final = {"en": _ENGLISH, "fr": _FRENCH}
