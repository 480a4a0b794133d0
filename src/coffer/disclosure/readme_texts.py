"""README.txt of a package, a text for each language of the PDF. Pure."""

from typing import Final

_COMMAND: Final = "    coffer-audit answer PACKAGE.zip --log-key KEY --genesis HASH\n"
_ENGLISH: Final = f"""This package answers an order. It names persons: keep it as you would keep the order itself.

records.csv        the records, as they were proven; times are UTC
superseded.csv     only if there is one: records from data that the operator later replaced
record.pdf         the same for reading, with the order and the log entries
records.json       the same for programs
etsi/              the same as ETSI TS 102 657 messages, to be imported in the order of their numbers
answer.json        what was asked, and with what outcome
evidence/          what proves it
MANIFEST           SHA-256 of every other file, signed by the disclosure desk

Not every package has all of these. To verify it, without trusting whoever made it:

{_COMMAND}
KEY and HASH are public; take them from a custodian and not from here. records.csv is what is proven;
the other forms are the desk's rendering of it, which the manifest's signature answers for.
"""
_FRENCH: Final = f"""Ce paquet répond à une réquisition. Il désigne des personnes : conservez-le comme la réquisition elle-même.

records.csv        les enregistrements, tels qu’ils ont été prouvés ; les heures sont en UTC
superseded.csv     s’il y en a un : enregistrements de données que l’opérateur a remplacées depuis
record.pdf         les mêmes à lire, avec la réquisition et les inscriptions au journal
records.json       les mêmes pour des programmes
etsi/              les mêmes en messages ETSI TS 102 657, à importer dans l’ordre de leurs numéros
answer.json        ce qui a été demandé, et avec quel résultat
evidence/          ce qui le prouve
MANIFEST           SHA-256 de chaque autre fichier, signé par le service qui communique les données

Tous les paquets ne contiennent pas tout cela. Pour le vérifier, sans se fier à qui l’a établi :

{_COMMAND}
KEY et HASH sont publics ; demandez-les à un dépositaire et ne les prenez pas ici. C’est records.csv qui est prouvé ;
les autres formes en sont la mise en page par le service, dont répond la signature du manifeste.
"""
_GERMAN: Final = f"""Dieses Paket beantwortet eine Anordnung. Es nennt Personen: verwahren Sie es wie die Anordnung selbst.

records.csv        die Datensätze, wie sie bewiesen wurden; Zeiten sind in UTC
superseded.csv     nur wenn es eine gibt: Datensätze aus Daten, die der Betreiber später ersetzt hat
record.pdf         dieselben zum Lesen, mit der Anordnung und den Einträgen im Protokoll
records.json       dieselben für Programme
etsi/              dieselben als Nachrichten nach ETSI TS 102 657, in der Reihenfolge ihrer Nummern einzulesen
answer.json        was gefragt wurde, und mit welchem Ergebnis
evidence/          was es beweist
MANIFEST           SHA-256 jeder anderen Datei, unterschrieben von der Auskunftsstelle

Nicht jedes Paket enthält all das. So wird es geprüft, ohne dem zu vertrauen, der es erstellt hat:

{_COMMAND}
KEY und HASH sind öffentlich; holen Sie sie von einem Verwahrer und nicht von hier. Bewiesen ist records.csv;
die anderen Formen hat die Auskunftsstelle daraus gemacht, wofür die Unterschrift des Manifests einsteht.
"""
README_TEXTS: Final = {"en": _ENGLISH, "fr": _FRENCH, "de": _GERMAN}
