"""Words of a question that carry no medical meaning of their own.

Whatever is left when these, the names of the graph's nodes, the measured values and the words of
the intents are taken away was not understood, and the question is not answered.
"""

import re

_CHINESE = """
请问 患者 病人 的人 人群 人 合并 伴有 伴发 伴随 伴 并发 同时 以及 和 与 及 或 或者 还是 而且 并 且 的 地 得 了 着 过 是否 是不是 是 否
有没有 有无 没有 无 有 吗 呢 吧 啊 么 什么 哪些 哪种 哪个 哪类 哪一 哪 怎么样 怎样 怎么 如何 为什么 为何 何时 何种 多少 多大 多高 多低
应该 应当 应 需要 需 要 可以 可能 可 能够 能 会 该 宜 必须 推荐 建议 指南 中国 根据 按照 按 依据 对于 对 关于 在 于 从 到 至 由 用于 用来
使用 服用 应用 采用 给予 选择 选用 用 吃 服 药物 药 情况 情形 条件 条件下 下 时候 时 后 之后 以后 前 之前 以前 期间 中 内 里 上 以上 以下
以内 之内 为 被 把 将 让 使 作为 成为 属于 包括 包含 主要 常见 常用 一般 通常 典型 典型的 大概 大约 左右 所有 全部 每个 每 各 个 种 类 次 岁
年 月 周 天 日 小时 分钟 年龄 男性 女性 男 女 成人 先生 女士 他 她 它 我 我们 你 其 这 那 这个 那个 此 进行 做 开始 首次 第一次 再 还 也 都
就 才 只 仅 很 最 更 比较 较 不 未 非 尚 已 已经 曾 新 老 高 低 大 小 多 少 好 值 水平 范围 数值 结果 级别 标准 方法 方式 措施 方案 策略 原则
内容 作用 关系 区别 意义 影响 问题 处于 存在 出现 发生 发现 诊断为 确诊 检出 患有 患 得了 长期 短期 持续 定期 一次 一年 多年 病史 史 既往 治疗 治疗中
检查 测量 检测 测 查 评估 管理 控制 降低 减少 升高 增加 改善 维持 保持 超过 大于 小于 低于 高于 等于 不足 达 达到 风险 危险 因素 目的 初诊 新诊断 稳定
加 加上 联合 单用 单独 首先 然后 接着 另外 此外 除了 之外 外 例如 比如 如果 若 假如 则 那么 因此 所以 但 但是 虽然 即使 病 症 疾病 者 等 之 处 种类 名称
基础 基础上 上限 下限 随机 阳性 阴性 异常 正常 成年 成年人 老人 间 一 二 两 三 四 五 六 几 第 型 度 分 评分 积分 得分 及其 相关 有关 特别 尤其 普通 没 给 请 说明 介绍 告诉 列出 知道 想
不同 哪里 多长 时间 程度 类型 状态 功能 项目 指标 药品 药物治疗 用药 病情 一个 一位 一名 名 位 例 启用 停用 起始 初始 首选 一线 起 开 停 换 满 足 单 双 左 右 侧 直径 大小 毫米 厘米
"""
_ENGLISH = """
a an the of in on at to for from by with without and or nor but if then than as is are was were be been being am do does did done has have had
having can could may might must shall should will would need needs needed what which who whom whose when where why how much many often long any some
all each every most more less least only also both either neither not no yes it its this that these those there here he she his her they their them
we our you your i my me patient patients person people man men woman women male female adult adults someone somebody who's case cases history known
new newly diagnosed diagnosis recommended recommend recommends recommendation recommendations guideline guidelines chinese china according per
use used using take taken taking give given giving get receive receiving choose choice choices option options class classes kind kinds type types
agent agents drug drugs medication medications medicine therapy treatment treatments treat treated treating start started starting begin initial
initially first second line after before during while until since within under over above below between about around up down out into onto upon
level levels value values range normal abnormal high higher highest low lower lowest raised elevated reduced increased decreased severe mild moderate
year years old month months week weeks day days hour hours time times once twice yearly annual annually aged age ages general usual usually
common main best good right possible necessary appropriate suitable indicated indication required please tell explain list name show say says said
test tests testing measure measured measurement check checked checking examination exam exams assess assessed assessment evaluate evaluation
risk risks factor factors disease diseases condition conditions disorder syndrome problem complicated coexisting coexistent concomitant combined
together plus add added addition additional alone also other others same different such so very well still already next step steps now
control controlled manage managed management goal goals target targets reach reached achieve keep kept stay long term short
against because due cause causes caused causing effect effects affect
me let us like via versus vs than then thus hence however whether else etc e.g i.e s t one two three four five six
find found detect detected reading result results number numbers count score scores stable presence present presenting
mm cm mmhg mg/dl mmol/l mmol l dl g kg m2 ml min % ratio type ii i iii 1 2 3 upper lower limit limits cut off point points larger smaller smallest
largest greater bigger size sized diameter single multiple part parts total mean average who's don't doesn't isn't suffers suffering suffer
"""
_OUT_OF_SCOPE = {
    "doses": re.compile(
        r"剂量|用量|多少(毫克|片|粒|单位|mg)|几(片|粒|毫克|支)|每日几次|一天几次|吃多少|每次多少|\bdos(e|es|age|ing)\b|\bhow (many|much) (mg|milligrams?|tablets?|pills?|units?)\b"
        r"|\bmilligrams?\b|\btablets?\b|\bpills?\b|\d ?mg\b(?!/)|毫克|\btitrat\w+|滴速"
    ),
    "children": re.compile(
        r"儿童|小儿|婴儿|婴幼儿|新生儿|幼儿|孩子|青少年|患儿|宝宝|\bchild(ren)?\b|\bpediatric\w*|\binfants?\b|\bnewborns?\b|\bneonat\w+"
        r"|\badolescents?\b|\bteenagers?\b|\bkids?\b|\btoddlers?\b|\b(boy|girl)s?\b"
    ),
}
_FILLERS = tuple(sorted(set(_CHINESE.split()), key=len, reverse=True))
_CHINESE_FILLER = re.compile("|".join(map(re.escape, _FILLERS)))
_ENGLISH_FILLER = frozenset(_ENGLISH.split())
_HAN = re.compile(r"[\u3400-\u9fff]+")
_LATIN_WORD = re.compile(r"[a-zα-ωà-ÿ][a-z0-9α-ωà-ÿ'’/.+]*")


def out_of_scope(text: str) -> str:
    """What in a normalised question the graph does not cover: ``doses``, ``children`` or nothing."""
    return next((name for name, words in _OUT_OF_SCOPE.items() if words.search(text)), "")


def not_understood(masked: str) -> tuple[str, ...]:
    """Words that are neither known names nor plain words, in a text with the known ones blanked."""
    left = _CHINESE_FILLER.sub(" ", masked)
    unknown = [word for word in _HAN.findall(left) if len(word) > 1]
    for word in _LATIN_WORD.findall(masked):
        bare = word.strip("'’./+").removesuffix("'s").removesuffix("’s")
        if bare and bare not in _ENGLISH_FILLER and not (len(bare) == 1 and bare.isascii()):
            unknown.append(bare)
    return tuple(dict.fromkeys(unknown))
