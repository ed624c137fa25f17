"""The words that deny a value or only bound it, before or behind it, in many languages.

'not 5', 'at least 5' and '5 or more' name no value; neither do 'nie 5', '至少5', '5 이상' and '5 değil'.
"""

import re

_ENGLISH = (
    r"not|no|never|cannot|isn't|isnt|aren't|at\s+least|at\s+most|more\s+than|less\s+than|fewer\s+than|greater\s+than"
    r"|either|neither|nor|a\s+(?:minimum|maximum)\s+of|instead\s+of|rather\s+than|unlike|anything\s+but|other\s+than|or"
)
_DENIALS = (
    r"nicht|kein\w{0,2}|pas|n[’']est pas|no es|no son|non è|não é|não|niet|geen|nie|není|inte|ikke|bukan|nu este|nu e"
    r"|nem|ei ole|не|ليس|ليست|नहीं|không phải|δεν|לא"
)
_BOUNDS = (
    r"mindestens|höchstens|(?:größer|mehr|weniger|kleiner)\s+als|au\s+(?:moins|plus)|(?:plus|moins)\s+de"
    r"|(?:supérieure?|inférieure?)\s+à|al\s+menos|como\s+(?:mínimo|máximo)|(?:más|menos)\s+de|(?:mayor|menor)\s+(?:que|de)"
    r"|pelo\s+menos|no\s+(?:mínimo|máximo)|(?:maior|menor|mais|menos)\s+(?:do\s+)?que|almeno|al\s+(?:massimo|minimo)"
    r"|(?:maggiore|minore|più|meno)\s+di|minstens|hoogstens|(?:meer|minder|groter|kleiner)\s+dan|минимум|максимум"
    r"|больше|меньше|более|менее|en\s+(?:az|çok)|co\s+najmniej|więcej\s+niż|mniej\s+niż|ít\s+nhất|nhiều\s+nhất|lớn\s+hơn"
    r"|nhỏ\s+hơn|minst|högst|أكبر\s+من|أقل\s+من|على\s+الأقل|कम\s+से\s+कम|अधिकतम"
)
_UNSPACED = (  # scripts without blanks between words
    r"不是|不可能|不会是|不能是|并非|並非|ไม่ใช่|아니|大于|大於|小于|小於|至少|至多|最多|最少|超过|超過|不少于|不足|多于|多於|少于|少於|최소|최대|อย่างน้อย|มากกว่า|น้อยกว่า"
)
HEDGED = re.compile(
    rf"(?<![A-Za-z])(?:{_ENGLISH})(?![A-Za-z])|(?<!\w)(?:{_DENIALS}|{_BOUNDS})(?!\w)|{_UNSPACED}|(?:over"
    r"|under|up\s+to|between|from|above|below|around)\W*$|between\s+\S*\d|n't|[±<>≤≥]|\\(?:leq?|geq?|pm"
    r"|neq?)(?![a-z])",
    re.IGNORECASE,
)
_NOT_BEHIND = (
    r"(?:で|じゃ)は?(?:ない|なく|ありません|なかった)|じゃない|[이가]\s?아[니닙닌]|değil(?:dir)?(?!\w)|नहीं|নয়|不对|不對"
)
_BOUND_BEHIND = (
    r"이상|이하|초과|미만|以上|以下|未満|未满|以内|より(?:大き|小さ|多|少)|보다\s?(?:크|작|많|적)"
    r"|से\s(?:अधिक|कम|ज़्यादा)|(?:[’']?[dt][ae]n)\s(?:büyük|küçük|fazla|az)"
)
BEHIND = re.compile(rf"\s{{0,2}}(?:{_NOT_BEHIND}|{_BOUND_BEHIND})")
_VALUE = r"[^\d\n]{0,20}?\$?[-−]?\d[\d.,/]*(?:\\?%)?[^\W\d_]{0,6}?\$?"
DENIED_BEHIND = re.compile(rf"{_VALUE}\s{{0,2}}(?:{_NOT_BEHIND})")
CORRECTED_BEHIND = re.compile(
    rf"{_VALUE}\s{{0,2}}(?:(?:で|じゃ)はなく(?:て)?|じゃなく(?:て)?|[이가]\s?아니(?:라|고)|değil|नहीं)[\s,、，]{{0,3}}(?P<rest>[^\n]*\d[^\n]*)"
)
REJECTED = re.compile(
    r"\s*(?:[^\W\d_]+\s+){0,3}(?:is|are|was|were)\s+(?:not|wrong|incorrect|false|impossible)(?![A-Za-z])"
    rf"|[がは]?(?:{_NOT_BEHIND})",
    re.IGNORECASE,
)
RETRACTED = re.compile(
    r",?\s(?:which|but\s(?:this|that|it))\s(?:is|was|would\sbe)\s(?:not\s(?:right|correct|true|possible)|wrong|incorrect|false|impossible)",
    re.IGNORECASE,
)
NO_BEHIND = re.compile(r"\s*(?:no|nope|wait|nein|non|nee|нет|不|いいえ|아니)(?!\w)", re.IGNORECASE)
