"""Every word of a picture, in each language, and how the language writes numbers and days."""

import datetime as dt
import math
from dataclasses import dataclass
from typing import Final

NO_BREAK: Final = "\u00a0"
NARROW_NO_BREAK: Final = "\u202f"
NO_NUMBER: Final = "\u2013"
"""Stands where a day has no number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The texts of one language; ``{...}`` is filled in by ``story``.

    ``thousands``: stands between groups of three digits. ``first_of_month``: how day 1 is written. ``spaced_marks``:
    pairs of a mark and the space before it, which must not break.
    """

    language: str
    thousands: str
    decimal: str
    first_of_month: str
    spaced_marks: tuple[tuple[str, str], ...]
    months: tuple[str, ...]
    short_months: tuple[str, ...]
    kinds: tuple[tuple[str, str], ...]
    any_kind: str
    conjunction: str
    headline: str
    one_record: str
    many_records: str
    on_day: str
    from_day_to_day: str
    give_or_take: str
    for_country: str
    days_title: str
    days_note: str
    no_number: str
    map_title: str
    map_without_home: str
    home_inferred: str
    legend_class: str
    legend_home: str
    legend_none_exact: str
    legend_none_noisy: str
    map_missing: str
    map_not_drawn: str
    home_line: str
    unpublished: str
    countries_title: str
    top_title: str
    country: str
    records: str
    outgoing: str
    incoming: str
    domestic_row: str
    unknown_row: str
    elsewhere_row: str
    day: str
    numbers_title: str
    noise_title: str
    exact: str
    mechanism: str
    size: str
    size_of_country: str
    small_days: str
    small_cells: str
    sources_title: str
    source_counts: str
    source_map: str
    source_software: str
    alternative_days: str
    alternative_days_empty: str
    alternative_map: str
    alternative_map_empty: str

    def count(self, number: float) -> str:
        """A whole number in groups of three digits."""
        return f"{round(number):,}".replace(",", self.thousands)

    def about(self, number: float) -> str:
        """A number to two significant digits, for sizes of noise."""
        if number <= 0:
            return "0"
        places = 1 - math.floor(math.log10(number))
        if places <= 0:
            return self.count(round(number, places))
        return f"{number:.{places}f}".rstrip("0").rstrip(".").replace(".", self.decimal)

    def day_of_month(self, day: dt.date) -> str:
        """The day's number in the month."""
        return self.first_of_month if day.day == 1 else str(day.day)

    def month(self, day: dt.date) -> str:
        """Month and year, as a heading."""
        return f"{self.months[day.month - 1].capitalize()}{NO_BREAK}{day.year}"

    def long_day(self, day: dt.date) -> str:
        """Day, month and year."""
        month = self.months[day.month - 1]
        return f"{self.day_of_month(day)}{NO_BREAK}{month}{NO_BREAK}{day.year}"

    def short_day(self, day: dt.date) -> str:
        """Day and abbreviated month."""
        return f"{self.day_of_month(day)}{NO_BREAK}{self.short_months[day.month - 1]}"

    def say(self, template: str, **values: str) -> str:
        """A template with its values, with the spaces that the language demands."""
        text = template.format(**values)
        for mark, space in self.spaced_marks:
            text = text.replace(f" {mark}", f"{space}{mark}")
        return text.replace("« ", f"«{NO_BREAK}").replace(" = ", f"{NO_BREAK}={NO_BREAK}")

    def listed(self, items: tuple[str, ...]) -> str:
        """The items joined as in a sentence: commas, and a conjunction before the last."""
        if len(items) < 2:
            return "".join(items)
        return f"{', '.join(items[:-1])} {self.conjunction} {items[-1]}"


ENGLISH: Final = Words(
    language="en",
    thousands=",",
    decimal=".",
    first_of_month="1",
    spaced_marks=(),
    months=(
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
    short_months=("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    kinds=(("call", "calls"), ("text", "texts"), ("email", "e-mails")),
    any_kind="records",
    conjunction="and",
    headline="{kinds}, day by day and around the world",
    one_record="{count} record",
    many_records="{count} records",
    on_day="{records}, {first}",
    from_day_to_day="{records}, {first} to {last}",
    give_or_take="{line} (give or take {size})",
    for_country="{country}: {line}",
    days_title="Records a day",
    days_note="Shaded: Saturdays, Sundays, 25 December and 1 January. Days are counted in universal time (UTC).",
    no_number="– no number: nothing was read in for that day, or too little to be published",
    map_title="Records exchanged with other countries (home: {home})",
    map_without_home="Records exchanged with other countries",
    home_inferred="Home is the country that most records touch.",
    legend_class="{low} to {high}",
    legend_home="{home} (home), not on the scale",
    legend_none_exact="no record",
    legend_none_noisy="no number large enough to be published",
    map_missing="A day’s records of one kind between two countries are published only from {threshold} on; smaller numbers are missing here.",
    map_not_drawn="Too small for this map, or drawn as part of another country: {countries}.",
    home_line="{domestic} within {home}; {abroad} with the countries shown; {unknown} whose other end is unknown or withheld.",
    unpublished="About {unpublished} are in counts of countries too small to be published.",
    countries_title="By country",
    top_title="Most records with",
    country="Country",
    records="Records",
    outgoing="Out",
    incoming="In",
    domestic_row="within {home}",
    unknown_row="other end unknown or withheld",
    elsewhere_row="without {home}",
    day="Day",
    numbers_title="All numbers",
    noise_title="How the noise was added and how large it is",
    exact="No noise was added: the roster of this vault says in public that its tally is exact. Every number is the number of records counted; the standard deviation of its noise is 0.",
    mechanism="While the records were read in, random noise was added to every count before it was stored: discrete Laplace noise of scale {scale}, which is differential privacy with ε = {epsilon} and δ = {delta} for one record in a batch of files. It was drawn once, and the exact counts were never stored; ε bounds what anybody can learn from these numbers about any one record: the smaller, the less.",
    size="The noise in the number of a usual day has a standard deviation of {day} records, that in the total one of {total}. In about 95 cases of 100 the exact number lies within twice that: {day_twice} for a day, {total_twice} for the total.",
    size_of_country="The numbers of one country add up only counts that were large enough to be published. Each of these has noise with a standard deviation of {cell} records; what is missing has no standard deviation.",
    small_days="A day of few records may be all noise, and a sum below 0 is shown as 0.",
    small_cells="For the map, a count of one day, one kind and two countries is published only if it reaches {threshold} records with its noise, whose standard deviation is {cell}. Smaller counts are missing, so a country’s number is usually too low, and grey does not mean that nobody called.",
    sources_title="Sources",
    source_counts="Counts: the tally of the vault {origin}, proven against its log at {size} entries, root {root}.",
    source_map="Map: Natural Earth {earth}, 1:110 million, public domain, from world-atlas {atlas}. Names of countries: Unicode CLDR {cldr}.",
    source_software="Software: Coffer {version}.",
    alternative_days="Bar chart of the records of each day, {first} to {last}. Highest: {peaks}. The table of all days follows below.",
    alternative_days_empty="Bar chart of the records of each day, {first} to {last}, without any record.",
    alternative_map="World map of the records exchanged with {home}. Most: {top}. The table of all countries follows below.",
    alternative_map_empty="World map of the records exchanged with other countries, without any number.",
)

FRENCH: Final = Words(
    language="fr",
    thousands=NARROW_NO_BREAK,
    decimal=",",
    first_of_month="1er",
    spaced_marks=((":", NO_BREAK), ("»", NO_BREAK), (";", NARROW_NO_BREAK)),
    months=(
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ),
    short_months=("janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."),
    kinds=(("call", "appels"), ("text", "SMS"), ("email", "courriels")),
    any_kind="enregistrements",
    conjunction="et",
    headline="{kinds}, jour par jour et à travers le monde",
    one_record="{count} enregistrement",
    many_records="{count} enregistrements",
    on_day="{records}, le {first}",
    from_day_to_day="{records}, du {first} au {last}",
    give_or_take="{line} (à {size} près)",
    for_country="{country} : {line}",
    days_title="Enregistrements par jour",
    days_note="Sur fond gris : samedis, dimanches, 25 décembre et 1er janvier. Les jours sont comptés en temps universel (UTC).",
    no_number="– pas de nombre : rien n’a été versé pour ce jour, ou trop peu pour être publié",
    map_title="Enregistrements échangés avec les autres pays (pays de référence : {home})",
    map_without_home="Enregistrements échangés avec les autres pays",
    home_inferred="Le pays de référence est celui que touchent le plus d’enregistrements.",
    legend_class="{low} à {high}",
    legend_home="{home} (pays de référence), hors échelle",
    legend_none_exact="aucun enregistrement",
    legend_none_noisy="aucun nombre assez grand pour être publié",
    map_missing="Les enregistrements d’un jour, d’un genre et de deux pays ne sont publiés qu’à partir de {threshold} ; les nombres plus petits manquent ici.",
    map_not_drawn="Trop petits pour cette carte, ou dessinés avec un autre pays : {countries}.",
    home_line="Intérieur ({home}) : {domestic} ; avec les pays montrés : {abroad} ; autre extrémité inconnue ou masquée : {unknown}.",
    unpublished="Environ {unpublished} se trouvent dans des comptes par pays trop petits pour être publiés.",
    countries_title="Par pays",
    top_title="Le plus d’enregistrements avec",
    country="Pays",
    records="Enregistrements",
    outgoing="Sortants",
    incoming="Entrants",
    domestic_row="intérieur ({home})",
    unknown_row="autre extrémité inconnue ou masquée",
    elsewhere_row="sans extrémité dans le pays de référence ({home})",
    day="Jour",
    numbers_title="Tous les nombres",
    noise_title="Comment le bruit a été ajouté et quelle est son ampleur",
    exact="Aucun bruit n’a été ajouté : le registre de ce coffre déclare publiquement que son décompte est exact. Chaque nombre est celui des enregistrements comptés ; l’écart type de son bruit est 0.",
    mechanism="À la lecture des enregistrements, un bruit aléatoire a été ajouté à chaque compte avant qu’il ne soit conservé : un bruit de Laplace discret d’échelle {scale}, c’est-à-dire une confidentialité différentielle avec ε = {epsilon} et δ = {delta} pour un enregistrement dans un lot de fichiers. Il a été tiré une seule fois, et les comptes exacts n’ont jamais été conservés ; ε borne ce que ces nombres peuvent apprendre à quiconque sur un enregistrement donné : plus il est petit, moins ils en apprennent.",
    size="Le bruit du nombre d’un jour ordinaire a un écart type de {day} enregistrements, celui du total de {total}. Dans environ 95 cas sur 100, le nombre exact se trouve à moins du double : {day_twice} pour un jour, {total_twice} pour le total.",
    size_of_country="Les nombres d’un pays n’additionnent que des comptes assez grands pour être publiés. Le bruit de chacun a un écart type de {cell} enregistrements ; ce qui manque n’a pas d’écart type.",
    small_days="Un jour de peu d’enregistrements peut n’être que du bruit ; une somme négative est montrée comme 0.",
    small_cells="Pour la carte, le compte d’un jour, d’un genre et de deux pays n’est publié que s’il atteint {threshold} enregistrements avec son bruit, dont l’écart type est {cell}. Les comptes plus petits manquent : le nombre d’un pays est donc le plus souvent trop bas, et le gris ne signifie pas que personne n’a appelé.",
    sources_title="Sources",
    source_counts="Comptes : le décompte du coffre {origin}, prouvé contre son journal à {size} entrées, racine {root}.",
    source_map="Carte : Natural Earth {earth}, 1:110 millions, domaine public, d’après world-atlas {atlas}. Noms des pays : Unicode CLDR {cldr}.",
    source_software="Logiciel : Coffer {version}.",
    alternative_days="Diagramme à barres des enregistrements de chaque jour, du {first} au {last}. Les plus élevés : {peaks}. Le tableau de tous les jours suit plus bas.",
    alternative_days_empty="Diagramme à barres des enregistrements de chaque jour, du {first} au {last}, sans aucun enregistrement.",
    alternative_map="Carte du monde des enregistrements échangés avec : {home}. Le plus : {top}. Le tableau de tous les pays suit plus bas.",
    alternative_map_empty="Carte du monde des enregistrements échangés avec les autres pays, sans aucun nombre.",
)

WORDS: Final = {words.language: words for words in (ENGLISH, FRENCH)}
