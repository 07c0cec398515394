"""What a question asks for, from its words; each intent is answered by some kinds of edge."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

IntentName = Literal[
    "treatment",
    "target",
    "diagnosis",
    "classification",
    "screening",
    "follow-up",
    "management",
    "monitoring",
    "contraindication",
    "combination",
    "adverse effect",
    "complication",
    "cause",
    "risk factor",
    "finding",
    "risk equation",
    "prevention",
    "meaning",
]


@dataclass(frozen=True, slots=True)
class Intent:
    """One thing that can be asked.

    Parameters
    ----------
    words
        Matches the words by which it is asked for, in normalised text.
    predicates
        Kinds of edge that answer it; with the share of the score that each gets.
    asked
        Which end of the edge the question names; None if either.
    recommends
        Classes of node that a recommendation must recommend to answer it.
    """

    name: IntentName
    words: re.Pattern[str]
    predicates: Mapping[str, float]
    asked: Literal["subject", "object"] | None = None
    recommends: frozenset[str] = frozenset()
    against: bool = False


def _intent(
    name: IntentName,
    words: str,
    predicates: Mapping[str, float],
    asked: Literal["subject", "object"] | None = None,
    recommends: str = "",
    *,
    against: bool = False,
) -> Intent:
    return Intent(
        name, re.compile(words), predicates, asked, frozenset(recommends.split()), against
    )


_TREATMENT = "DrugClass Procedure Lifestyle"
INTENTS: tuple[Intent, ...] = (
    _intent(
        "combination",
        r"联用|联合使用|联合应用|合用|一起用|一起吃|同时(使?用|服用|吃)|co ?administ\w*"
        r"|combin(e|ed|ing|ation)\b"
        r"|\btogether\b|\bconcomitant\w*",
        {"combinedWith": 1, "notCombinedWith": 1},
        recommends="DrugClass",
        against=True,
    ),
    _intent(
        "contraindication",
        r"禁忌证|禁忌症|禁忌|禁用|慎用|不宜用?|不能用|不可以?用|不应用|能不能(使?用|吃|服用?)?"
        r"|能否(使?用)?"
        r"|是否(可以|能|可)用|可不可以用?|可否(使?用)?|(可以|能)(继续)?(使?用|吃|服用)(?=.*吗)"
        r"|能用|可用|避免|安全"
        r"|contra ?indicat\w*|\bavoid\w*|\bcan\b.*\b(use|used|take|take|given|have|receive"
        r"|continue)\b"
        r"|\b(should|must|may) not\b|\bcautio\w+|\bsafe\w*|\bpermitted\b|\ballowed\b"
        r"|\bnot recommended\b",
        {
            "contraindicatedIn": 1,
            "usedWithCautionIn": 0.95,
            "treatedWith": 0.6,
            "notValidFor": 1,
            "validFor": 0.9,
        },
        recommends="DrugClass Procedure",
        against=True,
    ),
    _intent(
        "adverse effect",
        r"副作用|不良反应|副反应|side effects?|adverse (effects?|events?|reactions?)",
        {"adverseEffectOf": 1},
        "object",
    ),
    _intent("complication", r"并发症|后遗症|complications?", {"complicationOf": 1}, "object"),
    _intent(
        "risk factor",
        r"危险因素|风险因素|高危因素|增强因素|易患因素|risk factors?|risk enhanc\w+"
        r"|predispos\w+"
        r"|(raise|increase)s? the risk|at (increased )?risk of",
        {"riskFactorFor": 1, "enhancesRiskOf": 1},
        "object",
    ),
    _intent(
        "prevention",
        r"预防|降低.*风险|减少.*风险|获益|\bprevent\w*|(reduce|lower)s? the risk|\bbenefits?\b",
        {"reducesRiskOf": 1, "treatedWith": 0.6},
        "object",
        _TREATMENT,
    ),
    _intent(
        "risk equation",
        r"风险评估|评估工具|风险模型|预测模型|评估模型|风险评分|(用|哪个|什么)(模型|评分|公式"
        r"|方程|工具)|预测|适用(于|人群|年龄)?|输入变量"
        r"|risk (equation|score|model|calculator|assessment|estimation)s?|\bequations?\b"
        r"|\bcalculator\w*|\bpredict\w*"
        r"|\bestimat(e|ed|ing)\b|\bapply|\bapplies|\bvalid\b|which score|what score"
        r"|\binputs?\b|\bvariables\b",
        {"predictedBy": 1, "validFor": 0.95, "notValidFor": 0.95, "usesInput": 0.7},
        None,
        "RiskEquation",
    ),
    _intent(
        "finding",
        r"症状|临床表现|表现|征象|体征|靶器官损害|识别|可疑|\bsymptoms?\b|\bsigns?\b"
        r"|\bfindings?\b|\bsuspicious\b"
        r"|organ damage|\bpresents?\b|\brecogni[sz]\w*",
        {
            "findingOf": 1,
            "organDamageIn": 1,
            "suspiciousFor": 1,
            "suggestsBenign": 0.8,
        },
        "object",
    ),
    _intent(
        "target",
        r"控制目标|治疗目标|目标值|目标|达标值|达标(?!者|后|了|的|患者)|控制在|控制到|降到"
        r"|降至|多少以下|低于多少"
        r"|\btargets?\b|\bgoals?\b|\baims?\b|\bhow low\b|should .* be (below|under|lowered)",
        {"targetOf": 1},
        "object",
        "Category",
    ),
    _intent(
        "screening",
        r"筛查|筛检|普查|\bscreen\w*",
        {"screeningFor": 1, "followUp": 0.7},
        "object",
        "Test Procedure",
    ),
    _intent(
        "follow-up",
        r"随访|复查|复诊|多久|间隔|多长时间|频率|隔多|几个月|每年几次"
        r"|follow ?(ing )?up|\bhow (often|frequent\w*|soon)\b|\bintervals?\b|\brecheck\w*"
        r"|\brepeat\w*|\bfrequen\w+",
        {"followUp": 1, "monitoredBy": 0.95, "screeningFor": 0.9},
        "subject",
        "Test Procedure",
    ),
    _intent(
        "management",
        r"多大|下一步|如何处理|怎么处理|处理|\bnext( step)?\b|\bmanage(d|ment)?\b"
        r"|\bwhat to do\b|\bhow (large|big)\b|\bwhat size\b|\bfollows\b|\bwhat should\b",
        {"followUp": 1, "treatedWith": 1},
        "subject",
        "Test Procedure DrugClass Lifestyle",
    ),
    _intent(
        "monitoring",
        r"监测|监控|检查什么|查什么|做什么检查|哪些检查|检查项目|测什么|\bmonitor\w*|\bcheck(s"
        r"|ed)?\b|\bmeasured?\b"
        r"|\bwhich tests?\b|\bwhat tests?\b|\bwork ?up\b",
        {"monitoredBy": 1, "followUp": 0.8, "diagnosedBy": 0.7},
        "subject",
        "Test Procedure",
    ),
    _intent(
        "classification",
        r"分级|几级|分期|几期|分类|属于|危险分层|分层|哪一?(级|期|组)|哪一?类(?!.{0,4}药)|什么(级|类|期|等级"
        r"|风险)|等级|危险程度|风险等级|算什么|几类"
        r"|\bgrades?\b|\bstages?\b|\bclassif\w+|\bcategor\w+|\brisk (level|class|group"
        r"|category)\b|\bstratif\w+",
        {"classifiedAs": 1, "categoryOf": 1, "isA": 0.7},
        "subject",
        "Category",
    ),
    _intent(
        "diagnosis",
        r"诊断标准|诊断|确诊|标准|界值|阈值|切点|定义|多少算|算不算|判断|怎么查|如何查|是不是"
        r"|算(是)?|多高"
        r"|\bdiagnos\w+|\bcriteri(a|on)\b|\bthresholds?\b|\bcut ?offs?\b|\bdefin\w+"
        r"|\bconfirm\w*|\bdetect\w*",
        {"diagnosedBy": 1, "categoryOf": 0.8},
        "subject",
        "Test Category Procedure",
    ),
    _intent(
        "cause",
        r"病因|原因|导致|引起|继发于|\bcaus\w+|\breasons?\b|\bsecondary to\b|\blead(s"
        r"|ing)? to\b",
        {"causeOf": 1, "riskFactorFor": 0.8, "adverseEffectOf": 0.8},
        "object",
    ),
    _intent(
        "treatment",
        r"起始治疗|初始治疗|一线治疗|首选治疗|二线治疗|药物治疗|治疗方案|治疗|首选|一线|二线"
        r"|初始|起始|用药|用什么药|吃什么药|选什么药|哪类药|哪些药"
        r"|什么药|哪种药|药物选择|怎么治疗?|如何治疗?|怎么办|启动|手术|优选|选用|选择|加用|何时用药"
        r"|降压|降糖|降脂|调脂|抗凝(?=.*(吗|何时|什么))"
        r"|\btreat\w*|\btherap\w+|\bfirst ?line\b|\binitial\w*|\bdrugs?\b|\bmedicat\w+"
        r"|\bmedicines?\b|\bprescri\w+"
        r"|\bfirst choice\b|\bprefer\w*|\bstart(ed|ing)?\b|\badd(ed)?\b|\bsurgery\b"
        r"|\bgive[n]?\b|\bused for\b",
        {"treatedWith": 1},
        "subject",
        _TREATMENT,
    ),
    _intent(
        "meaning",
        r"是什么(?!药|级|期)|什么是|含义|意思|\bwhat (is|are)\b(?=[^,]*\?*$)|\bmeaning\b"
        r"|\bmeans?\b",
        {"isA": 0.9, "categoryOf": 0.9, "diagnosedBy": 0.9},
        "subject",
    ),
)
_WEAK: frozenset[IntentName] = frozenset({"treatment", "meaning", "diagnosis"})
"""Intents whose words ("drug", "what is") also stand beside the words of a more exact one."""
_FIRST_LINE = re.compile(r"首选|一线|初始|起始|优先|first ?line|initial|first choice|prefer|start")


@dataclass(frozen=True, slots=True)
class Asked:
    """Intents of a question, the place of their words, and whether first line is asked for."""

    intents: tuple[Intent, ...]
    spans: tuple[tuple[int, int], ...]
    first_line: bool


def asked_for(text: str, masked: str) -> Asked:
    """Find the intents of a question.

    Parameters
    ----------
    text
        The normalised question.
    masked
        The same, with the names of nodes replaced by blanks: "screening" inside the name of a
        test asks for nothing.
    """
    found: list[Intent] = []
    spans: list[tuple[int, int]] = []
    for intent in INTENTS:
        matches = list(intent.words.finditer(masked))
        if matches:
            found.append(intent)
            spans.extend(match.span() for match in matches)
    exact = [intent for intent in found if intent.name not in _WEAK]
    if exact:
        found = exact
    elif len(found) > 1:
        found = [intent for intent in found if intent.name != "meaning"]
    return Asked(tuple(found), tuple(spans), bool(_FIRST_LINE.search(text)))
