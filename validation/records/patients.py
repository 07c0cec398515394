"""A made-up register of patients, Chinese and others, with twins and namesakes among them.

Frequencies of family names follow the order of common Chinese and Western names; given names
are drawn from short lists, so that namesakes are more frequent than in life.
"""

import random
from dataclasses import dataclass, replace
from datetime import date, timedelta

from clinical_ai.records.patient_identifiers import is_resident_number
from clinical_ai.records.person_names import readings
from clinical_ai.records.record import Demographics, Identifier, PersonName, Sex

ISSUER = "urn:example:hospital:mrn"
RESIDENT_SYSTEM = "urn:example:resident"

FAMILY_CHARACTERS = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡"
    "余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛单仇解"
)
COMPOUND = ("欧阳", "上官", "司马", "诸葛", "慕容")
GIVEN_CHARACTERS = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰文建国志红梅春燕晓小海云龙飞"
    "鹏辉宇浩欣怡佳琳雪婷波斌峰倩颖丹宁雨晨子轩梓涵俊豪嘉思远天宝山成林东生永福安康"
    "德才新立光荣庆祥利民贵有仁义礼智信和顺玲珍珠凤莲菊香月琴素贞慧雅洁冰瑞璐瑶莹"
)
FAMILY_LETTERS = (
    "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez "
    "Gonzalez Wilson Anderson Thomas Taylor Moore Jackson Martin Lee Perez Thompson White Harris "
    "Sanchez Clark Ramirez Lewis Robinson Walker Young Allen King Wright Scott Torres Nguyen Hill "
    "Müller Schmidt Fischer Weber Meyer Wagner Becker Schulz Hoffmann Dupont Durand Leroy Moreau "
    "O'Brien Murphy Kelly Byrne Ryan Rossi Russo Ferrari Esposito Bianchi Kowalski Novak Horvath"
)
MALE_LETTERS = (
    "James Robert John Michael David William Richard Joseph Thomas Christopher Charles Daniel "
    "Matthew Anthony Mark Donald Steven Andrew Paul Joshua Kenneth Kevin Brian George Timothy "
    "Ronald Edward Jason Jeffrey Ryan Jacob Gary Nicholas Eric Jonathan Stephen Larry Justin José"
)
FEMALE_LETTERS = (
    "Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Sarah Karen Lisa Nancy Betty "
    "Sandra Margaret Ashley Kimberly Emily Donna Michelle Carol Amanda Melissa Deborah Stephanie "
    "Rebecca Sharon Laura Cynthia Dorothy Amy Kathleen Angela Shirley Emma Brenda Pamela Zoë"
)


# A double is a namesake born on the same day: in every 350th pair, some seven times as often as
# m and u of `clinical_ai.records.match_weights` give for a catchment of a million.
_NEIGHBOURS = {"twin": 40.0, "sibling": 25.0, "namesake": 34.5, "double": 0.5}


@dataclass(frozen=True, slots=True)
class Person:
    """One person of the register.

    Parameters
    ----------
    family, given
        In characters for a Chinese person, else in letters.
    cluster
        Persons with the same number are twins, siblings or namesakes; 0: of no cluster.
    """

    number: int
    is_chinese: bool
    family: str
    given: str
    sex: Sex
    born: date
    mrn: str
    resident: str
    cluster: int = 0

    @property
    def person(self) -> str:
        """Id of the Patient resource."""
        return f"p{self.number}"


def make_register(random_: random.Random, count: int) -> list[Person]:
    """Return persons; about one in eight has a twin, a sibling or a namesake beside them."""
    persons: list[Person] = []
    cluster = 0
    while len(persons) < count:
        one = _person(random_, len(persons))
        if random_.random() < 0.06:
            cluster += 1
            one = replace(one, cluster=cluster)
            persons += [one, _neighbour(random_, one, len(persons) + 1)]
        else:
            persons.append(one)
    return persons[:count]


def demographics(person: Person, random_: random.Random) -> Demographics:
    """Return the person as a record states them: in characters, in pinyin, or in both."""
    names = [PersonName(person.family, person.given)]
    if person.is_chinese:
        latin = PersonName(*pinyin_name(person))
        unparted = PersonName(text=person.family + person.given)
        names = random_.choices(
            [names, [unparted], [*names, latin], [latin]], weights=[35, 25, 25, 15]
        )[0]
    identifiers = [Identifier(person.mrn, ISSUER, "MR")]
    if person.resident and random_.random() < 0.6:
        identifiers.append(Identifier(person.resident, RESIDENT_SYSTEM, "NI"))
    return Demographics(tuple(identifiers), tuple(names), person.born, person.sex)


def pinyin_name(person: Person) -> tuple[str, str]:
    """Return family and given name in pinyin, in the first reading."""
    return pinyin_of(person.family).title(), pinyin_of(person.given).title()


def pinyin_of(characters: str) -> str:
    """Return characters in their first reading, without tones."""
    return "".join(min(readings(characters)))


def _person(random_: random.Random, number: int) -> Person:
    is_chinese = random_.random() < 0.7
    sex: Sex = random_.choice(["male", "female"])
    if is_chinese:
        weights = [1 / (rank + 3) for rank in range(len(FAMILY_CHARACTERS))]
        family = random_.choices(FAMILY_CHARACTERS, weights=weights)[0]
        if random_.random() < 0.02:
            family = random_.choice(COMPOUND)
        length = 2 if random_.random() < 0.85 else 1
        given = "".join(random_.choice(GIVEN_CHARACTERS) for _ in range(length))
    else:
        family = random_.choice(FAMILY_LETTERS.split())
        given = random_.choice((MALE_LETTERS if sex == "male" else FEMALE_LETTERS).split())
    born = date(1935, 1, 1) + timedelta(days=random_.randrange(365 * 75))
    if random_.random() < 0.03:
        born = born.replace(month=1, day=1)
    mrn = f"{10_000_000 + number * 7}"
    resident = resident_number(random_, born, sex) if is_chinese else ""
    return Person(number, is_chinese, family, given, sex, born, mrn, resident)


def _neighbour(random_: random.Random, one: Person, number: int) -> Person:
    """Return a twin, a sibling or a namesake, registered just after."""
    kind = random_.choices(list(_NEIGHBOURS), weights=list(_NEIGHBOURS.values()))[0]
    sex, born, given = one.sex, one.born, one.given
    if kind in ("twin", "sibling"):
        given = _sibling_name(random_, one)
        if random_.random() < 0.3:
            sex = "female" if sex == "male" else "male"
        if kind == "sibling":
            born = born + timedelta(days=random_.randrange(400, 3000))
    elif kind == "namesake":
        born = _near_date(random_, born)
    resident = resident_number(random_, born, sex) if one.is_chinese else ""
    mrn = str(int(one.mrn) + 1)
    return replace(one, number=number, given=given, sex=sex, born=born, mrn=mrn, resident=resident)


def _sibling_name(random_: random.Random, one: Person) -> str:
    """Return another given name; Chinese siblings often share a character."""
    if not one.is_chinese:
        names = (MALE_LETTERS if one.sex == "male" else FEMALE_LETTERS).split()
        return random_.choice([n for n in names if n != one.given])
    other = random_.choice([c for c in GIVEN_CHARACTERS if c not in one.given])
    return one.given[:-1] + other


def _near_date(random_: random.Random, born: date) -> date:
    """Return another date that is like the first."""
    options = [
        born.replace(day=min(28, born.day % 28 + 1)),
        born.replace(year=born.year + 1, day=1),
    ]
    if born.day <= 12 and born.day != born.month:
        options.append(born.replace(month=born.day, day=born.month))
    return random_.choice([o for o in options if o != born] or [born + timedelta(days=10)])


def resident_number(random_: random.Random, born: date, sex: Sex) -> str:
    """Return a valid resident identity number of an area code that does not exist (99)."""
    order = random_.randrange(0, 500) * 2 + (1 if sex == "male" else 0)
    stem = f"99{random_.randrange(10_000):04}{born:%Y%m%d}{order:03}"
    return next(stem + c for c in "0123456789X" if is_resident_number(stem + c))
