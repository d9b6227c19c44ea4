# 简体中文。句子都是纯文本，写进 Slack 时由调用者转义填入的内容。GIVEN、COUNT 的含义见 en.ftl。
# 消息与变量和 en.ftl 完全一致，由测试保证。名称、id、命令、检查项名和云平台的原话保持原样：命令用英文输入。
#
# 用语（全文统一）：
#   switchover        主从切换，简称切换       emergency       紧急切换
#   primary           主库                     approve         批准（人：审批人）
#   replica           从库                     reject          驳回
#   hidden member     隐藏节点                 refuse          拒绝（由检查或策略作出），状态为“未执行”
#   read-only member  只读节点                 cancel          撤回
#   candidate         候选节点                 expire          过期
#   node / shard      节点 / 分片              review          复核
#   roles             角色                     acknowledge     人工接管
#   lag               复制延迟                 switch back     切回
#   request (by us)   申请（人：申请人）       plan, replan    方案，重新生成方案
#   request (sent)    请求                     dry run         试运行
#   provider, cloud   云平台                   check, override 检查项，忽略
#   console           云平台控制台             freeze, lift    冻结，解冻
#   job               任务                     halt, resume    全面暂停，恢复
#   operation         操作                     audit trail     审计记录
#   card / thread     卡片 / 消息列            policy          策略

## What an operation is doing: a mark, then words, so that nothing hangs on colour

status-planning = ▶ 准备中：正在读取角色，检查能否安全切换
status-awaiting-approval = ⏸ { GIVEN($held) ->
    [yes] 目前受限，不能批准
   *[no] 等待批准
 }：已有 { $count } 人，共需 { $needed } 人
status-scheduled = ⏸ { GIVEN($held) ->
    [yes] 已批准，但目前受限：如果到开始时间仍未解除，将被拒绝
   *[no] 已批准，等待开始时间
 }
status-rechecking = ▶ { GIVEN($emergency) ->
    [yes] 开始前重新检查
   *[no] 已批准：开始前重新检查
 }
status-starting = ▶ 正在向云平台发送请求
status-in-doubt = ❔ 无法确定云平台是否收到请求：正在查证，不会重发
status-running = ▶ 执行中：云平台正在切换
status-verifying = ▶ 核实中：{ GIVEN($failed) ->
    [yes] 任务失败，正在读取角色，直到确认没有任何变更
   *[no] { GIVEN($done) ->
        [yes] 任务已完成，正在读取角色，直到角色真正变化
       *[no] 角色已变化，再读一次确认
     }
 }
status-needs-attention = ⚠ 需要人工处理：{ GIVEN($differs) ->
    [yes] 结果与{ GIVEN($emergency) ->
        [yes] 计划
       *[no] 批准的方案
     }不一致
   *[no] { GIVEN($moved) ->
        [yes] 任务失败了，但角色与
       *[no] 没有证据表明角色与
     }{ GIVEN($emergency) ->
        [yes] 计划
       *[no] 批准的方案
     }一致
 }
status-succeeded = ✔ 成功：已读取角色，与{ GIVEN($emergency) ->
    [yes] 计划
   *[no] 批准的方案
 }一致
status-failed = ✖ 失败：未发生任何变更
status-refused = ✖ 未执行：条件不满足，未发生任何变更
status-not-needed = ✔ 无需切换：角色已符合要求
status-rejected = ✖ 已驳回：未发生任何变更
status-expired = ✖ 已过期：未发生任何变更
status-cancelled = ✖ 已撤回：未发生任何变更
status-closed = ■ 已关闭：由人工接管

word-planning = 准备中
word-awaiting-approval = 等待批准
word-scheduled = 等待开始
word-rechecking = 重新检查中
word-starting = 正在发送请求
word-in-doubt = 结果不明
word-running = 执行中
word-verifying = 核实中
word-needs-attention = 需要人工处理
word-succeeded = 已成功
word-failed = 已失败
word-refused = 未执行
word-not-needed = 无需切换
word-rejected = 已驳回
word-expired = 已过期
word-cancelled = 已撤回
word-closed = 已关闭

role-primary = 主库
role-replica = 从库
role-hidden = 隐藏节点
role-read-only = 只读节点
role-unknown = 角色未知

scope-all = 所有数据库

health-good = 健康
health-bad = 不健康
health-unknown = 健康状况未上报

## The card

moves = { $database }：从 { $before } 切换到 { $after }
moves-asked = { $database }：切换到 { $after }
moves-nothing = { $database }：{ $before }
moves-nobody-known = 未知主库
moves-cloud-chooses = 由云平台选定的节点
node-with-address = { $name } ({ $address })
shard-with-name = { $name } ({ $shard })

card-tried-for = 云平台没有应答时会重试一分钟；仍无应答则本次操作结束，不会发送请求。
card-doubt-until = 如果一直无法查明，会请人来查看，最早在 { $until }；云平台仍在执行时可能更晚。在此之前 { $database } 保持锁定。
card-id = 操作 { $id } · 申请人 { $by }，{ $when }
card-emergency = ⚠ 紧急切换：由 { $by } 发起，未经批准
card-overrides = { GIVEN($over) ->
    [yes] 曾允许不通过的检查项
   *[no] 允许不通过的检查项
 }：{ $checks }
card-review-owed = ⚠ 待复核：请 { $by } 以外的人查看做了什么、为什么做，然后点“复核”
card-reviewed = 已由 { $by } 复核，{ $when }
card-switch-back = 切回 { $id }
card-fresh-plan = 为 { $id } 重新生成的方案
card-last = 上次切换：{ $id }，{ $when } 结束，从 { $before } 切换到 { $after }
card-not-promised = ⚠ 新主库由云平台选定：不保证能切回原主库
card-shard = 分片：{ $shard }
card-reason = 原因：{ $reason }
card-call = 发给云平台的请求：{ GIVEN($node) ->
    [yes] 把 { $node } 提升为主库
   *[no] 切换到由云平台选定的节点
 }： { $call }
card-to-do = 请这样处理：到云平台控制台查看这个数据库，必要时修复。“再次查看”会立即读取任务和角色。确认无误后，由审批人点“人工接管”：机器人不再查看，并解锁数据库。在此之前机器人会不时查看，不会再发送请求。
card-warning = ⚠ { $warning }
warning-forced-promotion = 指定节点属于强制提升：云平台立即把它提升为主库，没有任务可以跟踪。该节点有延迟时可能失败，连接会中断。
card-checks = 检查项{ GIVEN($when) ->
    [yes] （截至 { $when }）
   *[no] {""}
 }
card-checks-before = 开始前的检查项{ GIVEN($when) ->
    [yes] （截至 { $when }）
   *[no] {""}
 }
card-check-told = ✗ { $name ->
    [cluster_ready] 集群状态
    [primary_known] 主库是哪个节点
    [candidate_known] 由哪个节点成为主库
    [candidate_is_replica] 节点角色
    [candidate_healthy] 节点健康状况
    [candidate_lag] 节点延迟
   *[other] { $name }
 }：见上
card-check-passed = ✓ { $detail }
card-check-failed = ✗ { $detail }
card-check-overridden = ⚠ 已忽略：{ $detail }
card-nodes = 节点（读取于 { $when }）
card-nodes-before = 开始前的节点（读取于 { $when }）
card-nodes-old = 节点（读取于 { $when }，距本消息发出已有 { $minutes } 分钟）
card-node = { $name }：{ $role }，{ $health }{ GIVEN($lag) ->
    [yes] ，延迟 { $lag } 秒
   *[no] {""}
 }
card-more = … 另有 { $count } 项
card-approvals = 批准：{ $count }/{ $needed }{ GIVEN($people) ->
    [yes] ，批准人 { $people }
   *[no] {""}
 }
card-missing = 还需 { $count } 人。有权批准：{ $people }
card-anyone = 任何正式成员
card-expires = 批准截止：{ $when }
card-start = 开始时间：{ $when }，即 { $wall }
card-job = 任务：{ $job }
card-no-job = 任务：云平台的这个调用不返回任务 id
card-job-word = 云平台返回：{ $word }{ GIVEN($detail) ->
    [yes] {""} ({ $detail })
   *[no] {""}
 }
card-primary-now = 主库：{ GIVEN($node) ->
    [yes] { $node }
   *[no] 未知
 }（读取于 { $when }）
card-primary-before = 开始前的主库：{ GIVEN($node) ->
    [yes] { $node }
   *[no] 未知
 }（读取于 { $when }）
picture-before = {" "}· 开始前
card-decided = 由 { $by } 决定
card-sent = 请求发送于 { $when }
card-usual = { COUNT($count) ->
    [one] 上次用时{ GIVEN($seconds) ->
        [yes] 约 { $seconds }
       *[no] 几秒钟
     }
   *[other] 通常需要{ GIVEN($seconds) ->
        [yes] 约 { $seconds }
       *[no] 几秒钟
     }（最近 { $count } 次的中位数）
 }{ GIVEN($until) ->
    [yes] ，预计 { $until } 前后完成
   *[no] {""}
 }
card-ended = { $when } 结束，用时 { $seconds }
length-seconds = { COUNT($count) ->
    [0] 不到一秒
   *[other] { $count } 秒
 }
length-minutes = { $minutes } 分{ GIVEN($left) ->
    [yes] {" "}{ $left } 秒
   *[no] 钟
 }
length-hours = { $hours } 小时{ GIVEN($left) ->
    [yes] {" "}{ $left } 分钟
   *[no] {""}
 }

button-approve = 批准
button-reject = 驳回
button-cancel = 撤回申请
button-check-again = 再次查看
button-acknowledge = 人工接管
button-switch-back = 切回
button-replan = 重新生成方案
button-replan-ordinary = 按正常审批重新生成方案
button-review = 复核
confirm-approve-title = 批准这次切换？
confirm-approve-text = { $database }：从 { $before } 切换到 { $after }。达到所需批准人数后{ GIVEN($start) ->
    [yes] 于 { $start } 开始
   *[no] 立即开始
 }；{ GIVEN($forced) ->
    [yes] 属于强制提升：该节点有延迟时可能失败，客户端连接会中断。
   *[no] 客户端连接可能会短暂中断。
 }
confirm-reject-title = 驳回这次切换？
confirm-reject-text = { $database }：申请到此结束，已有的批准作废。仍需切换的人要重新申请。
confirm-yes-reject = 驳回
confirm-cancel-title = 撤回这次申请？
confirm-cancel-text = { $database }：还没有发送任何请求。申请到此结束，已有的批准作废。仍需切换的人要重新申请。
confirm-yes-cancel = 撤回申请
confirm-acknowledge-title = 确认人工接管？
confirm-acknowledge-text = 机器人不知道结果如何。接管后它不再查看，并解锁 { $database }。请先查看集群。
confirm-switch-back-title = 生成切回方案？
confirm-switch-back-text = { $database }：从 { $after } 切回 { $before }。这会生成新方案，重新检查、重新批准；在此之前不会切换。
confirm-switch-back-chosen-text = { $database }：离开 { $after }。这会生成新方案，重新检查、重新批准；在此之前不会切换。新主库由云平台选定：不保证是 { $before }。
confirm-review-title = 已经复核？
confirm-review-text = 你确认已查看 { $by } 未经批准对 { $database } 所做的切换：为什么做、是否忽略了检查项、结果如何。复核人不能是 { $by } 本人。
confirm-yes-approve = 批准
confirm-yes-acknowledge = 接管
confirm-yes-switch-back = 生成方案
confirm-yes-review = 已复核
confirm-choose-node-title = 开始紧急切换？
confirm-choose-node-text = { $database }：切换到 { $node }，立即执行，无需批准；客户端连接可能短暂中断。会公开通告，并须由他人复核。
confirm-yes-choose-node = 开始紧急切换
confirm-replan-ordinary-title = 按正常流程申请？
confirm-replan-ordinary-text = 原先是 { $by } 的紧急切换。现在生成的是 { $database } 的普通申请：需要批准，也不会跳过任何检查。若要再做紧急切换，请输入“emergency …”。
confirm-yes-replan-ordinary = 生成申请
confirm-no = 返回

## Replies in the thread

reply-awaiting-approval = ⏸ { $database } 的切换方案已就绪：需要 { $needed } 人批准{ GIVEN($approvers) ->
    [yes] ，审批人 { $approvers }
   *[no] {""}
 }。请在卡片上操作。
reply-emergency = ⚠ 紧急切换：{ $by } 未经批准切换 { $database }：{ $reason }
overrides = 允许不通过的检查项：{ $checks }
reply-scheduled = ⏸ { $database } 的切换已批准，将于 { $when } 开始{ GIVEN($wall) ->
    [yes] ，即 { $wall }
   *[no] {""}
 }。开始之前可以撤回。
reply-start-near = ⏸ { $database } 的切换将于 { $when } 开始{ GIVEN($wall) ->
    [yes] ，即 { $wall }
   *[no] {""}
 }。开始之前仍可以撤回。
reply-held = ⏸ { GIVEN($lifted) ->
    [yes] { $lifted } 解除了一项冻结或全面暂停，但另一项仍然生效，{ $database } 的这次切换还不能开始
   *[no] { $database } 的这次切换目前不能开始
 }{ GIVEN($when) ->
    [yes] 。如果到开始时间（{ $when }）仍未解除，将被拒绝。
   *[no] ，解除之前也不能批准。
 }{ GIVEN($by) ->
    [yes] 新的冻结取代了由 { $by } 设置的冻结{ GIVEN($until) ->
        [yes] （至 { $until }）
       *[no] {""}
     }
   *[no] {""}
 }{ GIVEN($reason) ->
    [yes] ：{ $reason }
   *[no] {""}
 }
reply-let-go = ▶ { GIVEN($by) ->
    [yes] { $by } 已解除对 { $database } 的限制
   *[no] 对 { $database } 的限制将在开始时间之前结束
 }：{ GIVEN($when) ->
    [yes] 届时若无其他限制，将于 { $when } 开始。
   *[no] 若无其他限制，现在可以批准了。
 }
reply-review-owed = ⚠ 这次切换未经批准。请 { $by } 以外的人复核：查看为什么做、做了什么，然后点“复核”。
direct-buttons = 申请所在的地方无法发消息，其他人要由你来通知。他们可用“status { $id }”找到按钮。
notice-review-owed = ⚠ 这次切换未经批准，须由 { $by } 以外的人复核。按钮在消息列里。
reply-accepted = ▶ 云平台已接受请求：任务 { $job }。
reply-accepted-no-job = ▶ 云平台已接受请求。这个调用不返回任务 id，改为直接观察角色。
reply-not-accepted = ⏸ 云平台没有接受请求（第 { $attempt } 次，最多 { $most } 次）。未发生任何变更。
reply-calls-awaited = ⏸ { $database } 等待读取：机器人的调用额度暂时用完了。在此期间不会发送请求。
reply-in-doubt = ❔ 无法确定云平台是否收到请求。不会重发：正在读取任务和角色来查证。
reply-found = ▶ 已查明：云平台已接受请求{ GIVEN($job) ->
    [yes] ，任务 { $job }
   *[no] {""}
 }。
reply-job = ▶ 任务 { $job }：{ $word }。
reply-job-done = ▶ 任务 { $job } 已完成（{ $word }）。现在读取角色。
reply-job-failed = ✖ 任务 { $job } 失败（{ $word }）。现在读取角色。
reply-roles-moved = ▶ 角色已变化，再读一次确认。
reply-needs-attention = ⚠ { GIVEN($by) ->
    [yes] { $by }{ GIVEN($approvers) ->
        [yes] , { $approvers }
       *[no] {""}
     }，请查看这个数据库：
   *[no] 需要人工查看这个数据库：
 }{ GIVEN($differs) ->
    [yes] 结果与{ GIVEN($emergency) ->
        [yes] 计划
       *[no] 批准的方案
     }不一致
   *[no] { GIVEN($moved) ->
        [yes] 任务失败了，但角色与
       *[no] 没有证据表明角色与
     }{ GIVEN($emergency) ->
        [yes] 计划
       *[no] 批准的方案
     }一致
 }。{ GIVEN($buttons) ->
    [yes] 请到云平台控制台查看，必要时修复；“再次查看”会立即读取任务和角色。
   *[no] {""}
 }数据库保持锁定，直到之后的读取得出结论，或审批人点“人工接管”。
reply-needed-attention = ⚠ 曾请人查看这个数据库。该操作此后已经结束，结果见卡片。
reply-succeeded = ✔ { $database } 切换完成{ GIVEN($before) ->
    [yes] ：从 { $before } 换到 { $now }
   *[no] ：主库现在是 { $now }
 }。已两次读取角色，与{ GIVEN($emergency) ->
    [yes] 计划
   *[no] 批准的方案
 }一致。用时 { $seconds }{ GIVEN($job) ->
    [yes] ，任务 { $job }
   *[no] {""}
 }。
reply-failed = ✖ { $database } 切换失败，未发生任何变更{ GIVEN($now) ->
    [yes] ：主库仍是 { $now }
   *[no] {""}
 }。
reply-refused = ✖ { $database } 没有切换，未发生任何变更。
reply-not-needed = ✔ { $database } 无需切换，未发生任何变更。
reply-rejected = ✖ { $by } 驳回了 { $database } 的切换，未发生任何变更。
reply-expired = ✖ { $database } 的切换还没开始就已过期，未发生任何变更。如仍需要，点卡片上的“重新生成方案”重新申请。
reply-cancelled = ✖ { $database } 的切换已{ GIVEN($by) ->
    [yes] 由 { $by } {""}
   *[no] {""}
 }撤回，未发生任何变更。
reply-closed = ■ { $by } 接管了 { $database }。机器人不再查看；数据库已解锁。

## Checks: what was found, and what would mend it

check-cluster-ready = 集群就绪 ({ $state })
check-cluster-busy = 集群正忙 ({ $state })；等它空闲再试
check-cluster-obstacle = 现在不能切换：{ $obstacle }{ GIVEN($overridden) ->
    [yes] {""}
   *[no] ；请先解决
 }
check-primary-known = 主库是 { $node }
check-primary-unknown = { COUNT($count) ->
    [0] 没有节点报告自己是主库{ GIVEN($overridden) ->
        [yes] {""}
       *[no] ；请等到有一个节点报告，或到云平台控制台查看
     }
   *[other] 有 { $count } 个节点报告自己是主库{ GIVEN($claiming) ->
        [yes] {""} ({ $claiming })
       *[no] {""}
     }{ GIVEN($overridden) ->
        [yes] {""}
       *[no] ；请等到恰好只有一个，或到云平台控制台查看
     }
 }
check-primary-unknown-allowed = 主库未知；策略 { $policy } 允许
check-node-found = 候选节点是 { $node }
check-node-not-found = “{ $asked }”不是这个数据库的节点；{ GIVEN($nearest) ->
    [yes] 你是指 { $nearest } 吗？
   *[no] {""}
 }可选：{ $known }
check-node-ambiguous = 有多个节点符合“{ $asked }”；请改用 id：{ $known }
check-name-one = 有多个节点合适；请用“to NODE”指定一个：{ $known }
check-nobody-fits = 没有节点可以成为主库 ({ $nodes })；请先在云平台控制台修好一个，再申请
unfit-not-a-replica = { $node }：{ $role }
unfit-unhealthy = { $node }：不健康
unfit-health-unknown = { $node }：健康状况未上报
unfit-lag-too-long = { $node }：延迟 { $lag } 秒，上限 { $limit } 秒
unfit-lag-unknown = { $node }：读不到复制延迟
unfit-separator = ；
unfit-more = 另有 { $count } 个
check-cloud-chooses = 这个云平台自己选定新主库；请去掉“to { $asked }”
check-cloud-will-choose = 新主库将由云平台选定
check-is-replica = { $node } 是从库
check-not-a-replica = { $node } 不是从库（{ $role }）{ GIVEN($overridden) ->
    [yes] {""}
   *[no] ；请指定一个从库
 }
check-role-unknown-allowed = { $node } 角色未知；策略允许
check-healthy = { $node } 健康
check-unhealthy = { $node } 不健康{ GIVEN($overridden) ->
    [yes] {""}
   *[no] ；等它恢复，或指定别的节点
 }
check-health-unknown = { $node } 的健康状况未上报{ GIVEN($overridden) ->
    [yes] {""}
   *[no] ；请到云平台控制台查看，或指定别的节点
 }
check-lag = { $node } 延迟 { $lag } 秒，上限 { $limit } 秒
check-lag-too-long = { $node } 延迟 { $lag } 秒，上限 { $limit } 秒{ GIVEN($overridden) ->
    [yes] {""}
   *[no] ；等它追上再试
 }
check-lag-unknown = 读不到 { $node } 的复制延迟，上限 { $limit } 秒{ GIVEN($overridden) ->
    [yes] {""}
   *[no] ；等能读到再试
 }
check-lag-not-reported = 这个云平台不上报复制延迟，无法检查 { $limit } 秒的上限
not-needed-already-primary = { $node } 已经是主库。

## Why a person may not

deny-not-a-member = 只有本工作区的正式活跃成员可以这样做。
deny-not-a-requester = 策略 { $policy } 不允许你申请。请找{ GIVEN($requesters) ->
    [yes] {" "}{ $requesters }
   *[no] 策略里列出的人
 }。
deny-own-request = 这是你自己的申请，须由他人批准。
deny-not-an-approver = 你不是策略 { $policy } 的审批人。{ GIVEN($approvers) ->
    [yes] 请找 { $approvers }。
   *[no] {""}
 }
deny-no-approver-at-all = 只有至少一个数据库的审批人可以这样做。{ GIVEN($approvers) ->
    [yes] 请找 { $approvers }。
   *[no] {""}
 }
deny-no-requester-at-all = 只有至少可以申请一个数据库切换的人可以这样做。
deny-no-reviewer = 策略 { $policy } 不允许你复核：可以复核的是它的审批人，以及 break_glass 里列出的人。{ GIVEN($people) ->
    [yes] 请找 { $people }。
   *[no] {""}
 }
deny-not-break-glass = 策略 { $policy } 不允许你做紧急切换。{ GIVEN($people) ->
    [yes] 请找 { $people }（列在 break_glass 里），
   *[no] break_glass 里没有列出任何人，请找能修改配置的人，
 }或按正常流程申请切换。
deny-own-emergency = 这是你自己发起的紧急切换，须由他人复核。
deny-approved-already = 你已批准过，无需重复。
deny-not-requester-nor-approver = 只有申请人或审批人可以撤回。
who-unknown = Slack 现在无法确认你的身份，因此未执行任何操作。请一分钟后再试。
wrong-channel = 这个频道不接受申请。请到已配置的频道申请。

## Answers to one person

unknown-database = 没有数据库“{ $name }”。{ GIVEN($nearest) ->
    [yes] 你是指 { $nearest } 吗？
   *[no] 用“list”查看有哪些。
 }
list-none = 没有数据库的名称或描述含“{ $part }”。{ GIVEN($nearest) ->
    [yes] 你是指 { $nearest } 吗？
   *[no] 用“list”查看全部。
 }
unknown-operation = 没有操作“{ $id }”。{ GIVEN($nearest) ->
    [yes] 你是指 { $nearest } 吗？
   *[no] 用“status”查看进行中的操作，用“history”查看已完成的。
 }
locked = { $database } 已被操作 { $holder } 锁定，该操作结束后自动解锁。
approval-expired = 太晚了：批准时间已过。如仍需要，请重新申请。
locked-cancel = 你可以自己撤回 { $id }：在它的卡片上点“撤回申请”，或用命令“cancel { $id }”。
locked-may-cancel = 要撤回 { $id }，请找 { $by }{ GIVEN($approvers) ->
    [yes] 、{ $approvers }
   *[no] {""} 或任何正式成员
 }。
locked-tracked = { $id } 的请求已经发出，不能再撤回：会一直跟踪到结束。
locked-needs-you = 不知道 { $id } 的结果如何。除非后续读取能判定，否则要有人在它的卡片上确认接管：你是审批人，可以这样做。
locked-needs-attention = 不知道 { $id } 的结果如何。除非后续读取能判定，否则要由审批人在它的卡片上确认接管。
locked-for-emergency-cancel = 紧急切换不会挤掉之前的申请，哪怕它很久以后才开始。你可以自己撤回 { $id }：在它的卡片上点“撤回申请”，或用命令“cancel { $id }”。
locked-for-emergency = 紧急切换不会挤掉之前的申请，哪怕它很久以后才开始。紧急权限也不能撤回它：关于 { $id }，请找 { $by }{ GIVEN($approvers) ->
    [yes] 、{ $approvers }
   *[no] {""} 或任何正式成员
 }。
nothing-to-check-yet = 现在还没有可查看的：{ $id } 的状态是 { $status }。
stored-unreadable = 机器人读不懂它为这个数据库保存的记录，可能是更新的版本写的，因此未执行任何操作。请告诉维护者：日志里写明了是哪一行。
approvals-missing = 批准没有按时凑齐：{ $count }/{ $needed }。
start-missed = 已错过开始时间（{ $when }）一分钟以上。
approvals-unknown = 有一分钟之久，Slack 无法确认这些批准是否仍然有效，所以没有继续。卡片上的“重新生成方案”会重新申请。
glass-unknown = 有一分钟之久，Slack 无法确认 { $by } 是否仍可做紧急切换，所以没有继续。请重新申请。
chosen = 你为 { $database } 选择了 { $node }。{ GIVEN($emergency) ->
    [yes] 紧急切换
   *[no] 申请
 }编号为 { $id }，进展见{ GIVEN($beside) ->
    [yes] 它的卡片（在 { $beside } 的卡片旁）
   *[no] { GIVEN($thread) ->
        [yes] 本消息列里它的卡片
       *[no] 本频道里它的卡片
     }
 }。
choice-too-old = 现在选择太晚了：距离你的申请已超过 { $minutes } 分钟。未执行任何操作，请重新申请。
chosen-already = 这里已经选过了：生成了 { $id }。没有再做任何事；若还要切换，请重新申请。
replan-start-passed = { $id } 原定 { $when }{ GIVEN($wall) ->
    [yes] （{ $wall }）
   *[no] {""}
 } 开始，时间已过；“重新生成方案”会让它立即开始。请带上时间重新申请：“"{ $database }"{ GIVEN($node) ->
    [yes] {" "}to "{ $node }"
   *[no] {""}
 }{ GIVEN($shard) ->
    [yes] {" "}shard "{ $shard }"
   *[no] {""}
 } at TIME{ GIVEN($reason) ->
    [yes] {" "}because { $reason }
   *[no] {""}
 }”
frozen = 冻结至 { $until }：{ $reason }。{ GIVEN($over) ->
    [yes] {""}
   *[no] 在此之前，除紧急切换外不能申请、批准或开始。
 }
frozen-at-start = 开始时间 { $when } 处于冻结期（至 { $until }）：{ $reason }。请选择冻结期以外的时间。
frozen-by-hand = 已冻结（{ $scope }），由 { $by } 设置：{ $reason }。{ GIVEN($since) ->
    [yes] 自 { $since } 起生效。
   *[no] {""}
 }{ GIVEN($over) ->
    [yes] {""}
   *[no] 审批人用“unfreeze”解冻之前，除紧急切换外不能申请、批准或开始。
 }
frozen-by-hand-until = 冻结至 { $until }（{ $scope }），由 { $by } 设置：{ $reason }。{ GIVEN($since) ->
    [yes] 自 { $since } 起生效。
   *[no] {""}
 }{ GIVEN($over) ->
    [yes] {""}
   *[no] 到期或审批人用“unfreeze”解冻之前，除紧急切换外不能申请、批准或开始。
 }
halted-by = 已全面暂停，由 { $by } 设置：{ $reason }。{ GIVEN($since) ->
    [yes] 自 { $since } 起生效。
   *[no] {""}
 }{ GIVEN($over) ->
    [yes] {""}
   *[no] 审批人用“resume”恢复之前，不会发送新请求。
 }
cooldown = 距上次切换（{ $last }）间隔太短：{ $until } 之前不能开始。
start-in-the-past = { $when } 已经过去。请给出将来的开始时间。
start-too-far = { $when } 距今超过 { $days } 天。请临近时再申请。
start-in-gap = { $zone } 的时钟在 { $date } 跳过了 { $clock }。请选择跳变之前或之后的时间。
zone-unknown = 无法识别你在 Slack 的时区 ({ $zone })，不带时区的时间含义不明。请写明时区，例如 2026-11-23T02:00+08:00。
reason-needed = 需要说明原因：加上“because …”。
emergency-could-override = 检查未通过。如果你愿意承担风险，紧急切换可以忽略它们：请重新输入原命令，并在“because”之前加上“override { $checks }”。
emergency-starts-at-once = 紧急切换会立即开始。请去掉开始时间，或按正常流程申请切换。
emergency-cluster-busy = 集群正忙（{ $state }）。紧急切换也不能忽略这一项：集群正在做的可能就是一次切换，再切一次会把它撤销。请等集群空闲。
overrides-need-emergency = 只有紧急切换可以忽略检查项。请去掉“override”。
frozen-now = 已冻结：{ $scope }{ GIVEN($until) ->
    [yes] ，至 { $until }。可用“unfreeze”提前解冻。
   *[no] ，直到有人用“unfreeze”解冻。
 }
freeze-replaced = 它取代了由 { $by } 设置的冻结{ GIVEN($until) ->
    [yes] （至 { $until }）
   *[no] （没有截止时间）
 }：{ $reason }
unfrozen-now = 已解除手动冻结：{ $scope }。
not-frozen-by-hand = 没有可解冻的：没有针对 { $scope } 的手动冻结。
still-frozen = 仍处于冻结：{ $names }
halted-now = 已全面暂停：{ $reason }。在审批人用“resume”恢复之前，不会发送新请求。
halted-already = { $by } 已经全面暂停：{ $reason }。用“resume”结束。
operations-more = { $operations } 等，另有 { $count } 个
still-tracked = 此前已发送，不会停止，继续跟踪：{ $operations }
resumed-now = 已恢复：{ GIVEN($scope) ->
    [yes] 全面暂停已解除，但仍在冻结：{ $scope }
   *[no] { GIVEN($names) ->
        [yes] 全面暂停已解除，但仍在冻结：{ $names }
       *[no] 可以重新开始切换
     }
 }。暂停期间被拒绝的需要重新申请。
not-halted = 当前没有暂停。
switch-back-unknown = 不知道 { $id } 之前哪个节点是主库，无法生成切回方案。请直接申请切换到你要的节点。
switch-back-moved = 现在的主库是 { GIVEN($now) ->
    [yes] { $now }
   *[no] 未知
 }，不再是 { $id } 之后的 { $before }，所以已经不是切回。请直接申请切换到你要的节点。
switch-back-not-promised = 新主库由云平台选定，不保证是 { $node }。
nothing-to-switch-back = { $id } { $status }，没有可切回的。
nothing-to-replan = { $id } { $status }，不需要重新生成方案。
cancelled-now = 已撤回：{ $id }（{ $database }）。没有任何变更。
already-reviewed = { $id } 已由 { $by } 复核。
review-too-early = { $id } 还没结束。结束后再复核。
nothing-to-review = { $id } 不需要复核。
not-ready-for-approval = 方案还没就绪。等卡片提示后再批准。
too-late = 太晚了：此操作的状态已是“{ $status }”。未执行任何操作。
already-decided = 已有决定：此操作的状态是“{ $status }”。未执行任何操作。
not-recorded = 机器人自己的数据库无法写入，因此没有记录，也未执行任何操作。请一分钟后再试。
maybe-recorded = 机器人恰在此刻断开了自己的数据库，无法确定是否已记录。如已记录，会自动继续：请一分钟后先看“status”，再决定是否重新申请。
looked-again = { $when } 已再次查看：本次读取{ GIVEN($now) ->
    [yes] 显示主库{ GIVEN($moved) ->
        [yes] 为
       *[no] 仍为
     } { $now }
   *[no] 没有显示唯一的主库
 }。{ GIVEN($job) ->
    [yes] 任务也在再次查看；
   *[no] {""}
 }有了结论会显示在卡片上。
checking-again = 正在再次查看，结果会显示在卡片上。
internal-error = 机器人内部出错，没有做更多操作。请把这个编号告诉维护人员：{ $id }

## Why it is as it is

provider-said = 云平台：{ $message }{ GIVEN($error) ->
    [yes] {""} ({ $error })
   *[no] {""}
 }
job-said = 云平台返回：{ $said }
provider-silent = 一分钟内读不到云平台的信息，本次操作到此结束。最后一次的情况：{ $message }{ GIVEN($error) ->
    [yes] {""} ({ $error })
   *[no] {""}
 }。可以读取后请重新申请。
calls-awaited = 机器人对云平台的调用次数有上限：{ $message }。{ GIVEN($over) ->
    [yes] {""}
   *[no] 可以再次调用时会自动继续。
 }
provider-throttled = 云平台暂时不接受更多请求：{ $message }{ GIVEN($error) ->
    [yes] {""} ({ $error })
   *[no] {""}
 }
not-sent = 请求没有发出：{ $message }{ GIVEN($error) ->
    [yes] {""} ({ $error })
   *[no] {""}
 }
not-sent-stopping = 请求发出之前机器人收到了停止指令。恢复运行后会再试。
lost-answer = 应答丢失：{ $message }{ GIVEN($error) ->
    [yes] {""} ({ $error })
   *[no] {""}
 }
answer-undecided = 云平台有应答，但无法据此判断是否已接受请求：{ $message }{ GIVEN($error) ->
    [yes] {""} ({ $error })
   *[no] {""}
 }
submission-broke = 发送请求时机器人内部出错，请求可能已发出，也可能没有。
restarted-while-starting = 发送请求时机器人停止了，请求可能已发出，也可能没有。
not-plannable = 无法为 { $name } 生成切换方案。
which-shard = { $name } 是分片集群，各分片分别切换。请指明分片：{ $known }{ GIVEN($more) ->
    [yes] {""} 等，另有 { $more } 个，用“list”查看
   *[no] {""}
 }。
misnamed-shard = { $name }：{ $message }。
ask-again = 请改为输入：{ $command }
unreadable = 暂时读不到 { $name } 的角色。请一分钟后再试。
topology-moved-primary = 当前主库与方案中的不一致：原为 { $before }，现为 { $now }。点卡片上的“重新生成方案”可生成新方案。
topology-moved-members = 节点已和方案不同：减少 { $gone }，新增 { $new }。点卡片上的“重新生成方案”可生成新方案。
topology-moved-roles = 角色已和方案不同：{ $changed }。点卡片上的“重新生成方案”可生成新方案。
answer-came-late = 云平台的应答后来还是到了。
plan-changed = 现在的方案会不同：原为“{ $before }”，现为“{ $present }”。点卡片上的“重新生成方案”可生成新方案。
no-quorum = 需要 { $needed } 个批准，按现行策略其中 { $valid } 个有效。点卡片上的“重新生成方案”重新申请。
database-removed = { $name } 已不在配置中。
cancelled-undeliverable = 卡片发不出去，没有人能看到。请把机器人邀请进频道，再重新申请。
deadline-passed = 任务已运行超过 { $minutes } 分钟。请到云平台控制台查看。
looked-found = { $count } 个任务中，{ $job } 就是这次请求
looked-ambiguous = { $count } 个任务中，{ $jobs } 可能属于这次请求，也可能属于其他操作
looked-in-part = { $count } 个任务，列表不完整
looked-may-leave-none = { $count } 个任务中没有这次请求，但提升节点可能不产生任务
looked-too-early = { $count } 个任务中没有这次请求；请求仍可能被接受
looked-none = { $count } 个任务中没有这次请求
looked-no-list = 这个云平台没有任务列表
looked-past-unreadable = 找到了任务 { $job }，但它可能属于另一次请求：之前的记录无法读取
looked-not-configured = { $name } 已不在配置中
looked-unreadable = 读不到任务列表：{ $message }{ GIVEN($error) ->
    [yes] {""} ({ $error })
   *[no] {""}
 }
evidence = 查看结果：{ $summary }
doubt-remains = 任务和角色都无法证明请求是否到达。查看结果：{ $summary }
roles-moved-as-asked = 角色已按要求变化。
roles-unreadable = 读不到角色。
roles-no-single-primary = 报告自己是主库的节点不是恰好一个。
roles-busy = 集群仍在忙：{ $state }
roles-disagree = 连续两次读取不一致：一次显示{ GIVEN($before) ->
    [yes] 主库为 { $before }
   *[no] 没有唯一的主库
 }，下一次显示{ GIVEN($now) ->
    [yes] 主库为 { $now }
   *[no] 没有唯一的主库
 }。
roles-another-though-failed = 任务失败了，而且主库现在是 { $primary }：既不是原来的，也与计划不符。
roles-moved-though-failed = 任务失败了，但主库现在是 { $primary }。
roles-unchanged-though-done = 任务已完成，但主库仍是 { $primary }。
roles-another-primary = 主库现在是 { $primary }，与计划不符。

## What the bot itself found out about a cloud

obstacle-cluster = 集群{ GIVEN($state) ->
    [yes] 的状态是 { $state }
   *[no] 状态不明
 }
obstacle-some-node = 集群中有节点的状态是 { $state }
obstacle-shard = 分片 { $shard } 的状态是 { $state }
home-obstacle = { GIVEN($obstacle) ->
    [yes] { $obstacle }
   *[no] 没有说明
 }
role-changed = { $node } 原为{ $role }，现为{ $new_role }
cloud-budget-spent = 这个账号的 { $count } 次调用额度已用完{ GIVEN($minutes) ->
    [yes] ，还需等待 { $minutes } 分钟
   *[no] {""}
 }
cloud-too-late-to-send = 可以发送的时间已经过去
cloud-said = { GIVEN($said) ->
    [yes] { $said }
   *[no] 没有说明
 }
cloud-not-prepared = 请求无法准备
cloud-closed = 机器人已不再使用这个账号
cloud-bad-address = 配置的地址无法使用
cloud-unexpected = 机器人无法处理它的应答
cloud-foreign-answer = 配置的地址返回 { $status }，不像是 { $name } 的接口
cloud-not-configured = 数据库 { $name } 没有配置在这个账号上
cloud-credentials-untried = 还不知道凭证是否有效
cloud-not-tried-again = { $message }；暂时不再尝试，以免凭证被锁定
cloud-no-token = 没有得到可用的令牌
cloud-candidate-needed = 这个云平台要求指明由哪个节点成为主库
cloud-not-a-member = 节点 { $node } 不在已批准的成员之中
cloud-no-nodes-of-role = { $name } 没有角色为 { $kind } 的节点
cloud-nodes-in-part = { $name } 的节点没能全部读到
cloud-garbled = 关于 { $name } 的应答无法读懂
cloud-no-mode = 关于 { $name } 的应答没有说明其类型
cloud-unknown-mode = { $name } 的类型未知：{ $mode }
cloud-no-shard-to-switch = { $name } 没有可切换的分片
cloud-replica-sets-only = 这个版本只能切换副本集，不能切换集群的分片
cloud-group-without-primary = { $shard } 是 { $kind } 组，没有可切换的主库；集群有 { $known }
cloud-answer-lost = { $error ->
    [TimeoutError] 请求没有及时收到应答
    [ReadTimeout] 请求没有及时收到应答
    [RemoteProtocolError] 请求得到应答之前连接中断了
    [ReadError] 请求得到应答之前连接中断了
   *[other] 请求没有收到应答
}
cloud-no-answer = { $error ->
    [TimeoutError] 没有及时应答
    [ReadTimeout] 没有及时应答
    [RemoteProtocolError] 应答之前连接中断了
    [ReadError] 应答之前连接中断了
   *[other] 没有应答
}
cloud-no-connection = 无法连接 { $address }（{ $why }）
unconnected-untrusted = 证书不受信任
unconnected-tls = 加密连接失败
unconnected-no-name = 找不到域名
unconnected-refused = 连接被拒绝
unconnected-timeout = 超时
unconnected-other = 连接失败
cloud-answered = { $what }{ GIVEN($said) ->
    [yes] {""} ({ $said })
   *[no] {""}
 }
answered-busy = 实例正忙
answered-not-now = 现在无法应答
answered-clocks-differ = 云平台与本机的时钟不一致
answered-set-the-clock = 云平台与本机的时钟不一致：请校准本机时钟
answered-no-job = 应答里没有可信的任务 id
answered-no-more-calls = 暂时不接受更多调用
answered-nothing-certain = 应答无法说明结果
answered-unreadable = 应答无法读懂
answered-updating = 服务正在更新
answered-internal-error = 内部错误
answered-busy-or-timed-out = 服务器繁忙或执行超时
answered-unknown-code = 机器人不认识的代码
answered-may-not = 账号无权这样做
answered-bad-parameter = 参数缺失或有误
answered-bad-action = 未知操作或取值有误
answered-wrong-key = 密钥未知或签名有误：请检查配置里的密钥
answered-denied-or-state = 拒绝访问：没有权限、不是所有者，或集群状态不允许
answered-not-found = 找不到
answered-exists = 已经存在
answered-lease = 租用有问题
answered-balance = 账户余额不足
answered-quota = 配额已用完
answered-not-offered = 这个地址不提供此接口
answered-licence = 许可有问题
answered-resources = 资源不足
answered-depended-on = 有其他资源依赖它
answered-switched-off = 服务已关闭
answered-disk-type = 磁盘类型有误
answered-configuration = 配置文件有误
answered-denied = 拒绝访问：请检查凭证、项目及权限
answered-no-such-node = 没有这个节点或组，或其类型不能切换
answered-no-instance = 项目里找不到这个实例
answered-wrong-kind = 这类实例不支持这种切换
answered-bad-request = 网关读不懂请求
answered-not-published = 这个地址不提供此调用：请检查地址或区域
cloud-not-found = 找不到 { $name }
cloud-single-node = { $name } 只有一个节点，没有别的节点可切换
cloud-no-shards = 这个数据库没有分片：请去掉分片
cloud-leave-out-shard = { $name } 是副本集：请去掉分片
cloud-which-shard = 这是分片集群：请指明分片；它有 { $known }
cloud-shard-ambiguous = 有多个分片叫 { $shard }：请改用 id；集群有 { $known }
cloud-no-such-shard = 没有分片 { $shard }；{ GIVEN($nearest) ->
    [yes] 你是指 { $nearest } 吗？
   *[no] {""}
 }集群有 { $known }

## What the audit channel is told besides

notice-frozen = ⏸ { $by } 冻结了 { $scope }{ GIVEN($until) ->
    [yes] ，至 { $until }
   *[no] ，直到有人解冻
 }：{ $reason }
notice-unfrozen = ▶ { $by } 解冻了 { $scope }。
notice-accepted-after-all = ⚠ 云平台最终还是受理了 { $operation } 的请求：任务 { $job }。机器人此前认定请求并未送达，或已不再跟踪。请查看 { $database } 的角色。
notice-halted = ■ { $by } 全面暂停了新的切换：{ $reason }{ GIVEN($operations) ->
    [yes] 。此前已发送，不会停止，继续跟踪：{ $operations }
   *[no] {""}
 }
notice-resumed = ▶ { $by } 已恢复：{ GIVEN($scope) ->
    [yes] 全面暂停已解除，但仍在冻结：{ $scope }
   *[no] { GIVEN($names) ->
        [yes] 全面暂停已解除，但仍在冻结：{ $names }
       *[no] 可以重新开始切换
     }
 }。
notice-reviewed = ✔ { $by } 已复核 { $database } 的紧急切换。
audit-head = 审计记录：{ $seq } 行，末行哈希 { $hash }。用它运行“switchover audit verify --head”，可确认记录中仍有这一行。

## A node to choose

choose-head = { $database } 的哪个节点将成为主库？{ GIVEN($emergency) ->
    [yes] 选定后紧急切换立即开始，无需批准。
   *[no] 选定后即提交申请{ GIVEN($when) ->
        [yes] ，{ $when } 开始
       *[no] {""}
     }。
 }
choose-this = 选择
choose-more = … 另有 { $count } 个。可用“to NODE”指定。

## The dry run

plan-clean = ✔ { $database }：{ GIVEN($start) ->
    [yes] 按目前的读取结果，可以在 { $start } 开始切换
   *[no] 现在可以切换
 }。这是试运行：没有提交申请。
plan-refused = ✖ { $database }：{ GIVEN($start) ->
    [yes] 现在不能申请在 { $start } 开始的切换
   *[no] 现在不能切换
 }。这是试运行：没有提交申请。
plan-choose = ❔ { $database }：有多个节点合适；申请时会问你选哪个成为主库，也可用“to NODE”指定：{ $known }。这是试运行：没有提交申请。
plan-not-needed = ✔ { $database }：无需切换。这是试运行：没有提交申请。
plan-candidate = 将成为主库：{ $node }

## list, status, history

list-head = { GIVEN($part) ->
    [yes] 含“{ $part }”的数据库：
   *[no] {""}
 }{ $count } 个{ GIVEN($part) ->
    [yes] {""}
   *[no] 数据库
 }{ GIVEN($page) ->
    [yes] ，第 { $page } 页，共 { $pages } 页
   *[no] {""}
 }
list-next = 后面还有：{ $command }
list-no-page = 没有第 { $page } 页；这是最后一页。
list-empty = 还没有配置数据库。
list-line = { $name }：{ GIVEN($shards) ->
    [yes] { $shards } 个分片
   *[no] { GIVEN($primary) ->
        [yes] 主库 { $primary }
       *[no] 主库未知
     }
 }{ GIVEN($operation) ->
    [yes] ，进行中：{ $operation }
   *[no] {""}
 }{ GIVEN($description) ->
    [yes] {" "}· { $description }
   *[no] {""}
 }{ GIVEN($frozen) ->
    [yes] {" "}· { $frozen }
   *[no] {""}
 }{ GIVEN($problem) ->
    [yes] {" "}· { $problem }
   *[no] {""}
 }
list-frozen = ⏸ { GIVEN($until) ->
    [yes] 冻结至 { $until }
   *[no] 已冻结
 }{ GIVEN($by) ->
    [yes] ，由 { $by } 设置
   *[no] {""}
 }：{ $reason }
list-shard = · { $shard }：{ GIVEN($primary) ->
    [yes] 主库 { $primary }
   *[no] 主库未知
 }{ GIVEN($operation) ->
    [yes] ，进行中：{ $operation }
   *[no] {""}
 }
list-shards-more = · … 另有 { $count } 个分片
operations-open = 进行中{ GIVEN($name) ->
    [yes] ：{ $name }
   *[no] {""}
 }
operations-past = 历史{ GIVEN($name) ->
    [yes] ：{ $name }
   *[no] {""}
 }{ GIVEN($page) ->
    [yes] ，第 { $page } 页，共 { $pages } 页
   *[no] {""}
 }{ GIVEN($page) ->
    [yes] ；已结束的申请共 { $count } 个
   *[no] {""}
 }
operations-none-open = { GIVEN($name) ->
    [yes] { $name } {""}
   *[no] {""}
 }没有进行中的操作。
operations-none-past = { GIVEN($name) ->
    [yes] { $name } {""}
   *[no] {""}
 }还没有操作记录。
operations-to-review = 未经审批执行、尚待他人复核（在卡片上点“复核”）：
operation-line = { $id } { $moves }：{ $status }{ GIVEN($start) ->
    [yes] {""} ({ $start })
   *[no] {""}
 }{ GIVEN($held) ->
    [yes] ，但目前被冻结或暂停
   *[no] {""}
 }，{ GIVEN($emergency) ->
    [yes] 紧急切换，申请人
   *[no] 申请人
 } { $by }，{ $when }{ GIVEN($review) ->
    [yes] ，尚待复核
   *[no] {""}
 }{ GIVEN($reason) ->
    [yes] {" "}· { $reason }
   *[no] {""}
 }

## The Home tab

home-closed = 只有本工作区的正式活跃成员可以在这里查看切换。
home-new = 申请切换
home-awaiting = 等待你批准
home-awaiting-none = 没有等待你批准的操作。
home-to-review = 等你复核
home-under-way = 进行中
home-under-way-none = 没有进行中的操作。
home-past = 最近
home-past-none = 还没有操作记录。
home-databases = 数据库：{ $count } 个
home-databases-more = … 另有 { $count } 个数据库：{ $command }
frozen-policy = 策略 { $policy }：冻结至 { $until }：{ $reason }
home-database = { $mark } { $name }：{ GIVEN($primary) ->
    [yes] 主库 { $primary }
   *[no] 主库未知
 }，{ $health }{ GIVEN($state) ->
    [yes] ，{ $state }
   *[no] {""}
 }{ GIVEN($operations) ->
    [yes] ，进行中：{ $operations }
   *[no] {""}
 }{ GIVEN($problem) ->
    [yes] {" "}· { $problem }
   *[no] {""}
 }{ GIVEN($when) ->
    [yes] {" "}· 读取于 { $when }
   *[no] {""}
 }
home-sharded = { $mark } { $name }：{ $count } 个分片{ GIVEN($operations) ->
    [yes] ，进行中：{ $operations }
   *[no] {""}
 }{ GIVEN($problem) ->
    [yes] {" "}· { $problem }
   *[no] {""}
 }{ GIVEN($when) ->
    [yes] {" "}· 读取于 { $when }
   *[no] {""}
 }
home-unread = { $mark } { $name }：{ GIVEN($problem) ->
    [yes] 未能读取；打开本页时会重试，最多每 2 分钟一次
   *[no] 正在读取；主库通常一分钟内显示在这里
 }{ GIVEN($operations) ->
    [yes] ，进行中：{ $operations }
   *[no] {""}
 }{ GIVEN($problem) ->
    [yes] {" "}· { $problem }
   *[no] {""}
 }
home-well = { $count } 个节点{ COUNT($count) ->
    [1] ，健康
   *[other] ，全部健康
 }
home-unwell = 不健康：{ $names }
home-as-of = 更新于 { $when }。打开本页后半小时内自动更新；打开时会刷新各数据库的节点状态。

## The form

form-title = 数据库主从切换
form-submit = 申请
form-close = 关闭
form-open = 打开表单
form-open-head = 点“打开表单”逐项填写。
form-channel = 频道
form-channel-hint = 卡片发到这里，机器人须在频道中。
form-channel-hint-thread = 卡片发到这个消息列，或你另选的频道；机器人须在频道中。
form-bot-missing = 机器人不在这个频道，无法发送卡片。请用“/invite”邀请它，再提交表单；或选择别的频道。
form-channel-missing = 请选择发送卡片的频道。
form-database = 数据库
form-database-placeholder = 输入名称的一部分
form-database-missing = 请选择数据库。
form-frozen = 已冻结（{ $scope }{ GIVEN($until) ->
    [yes] ，至 { $until }
   *[no] {""}
 }）：{ $reason }。解冻后再提交表单。
form-halted = 已全面暂停：{ $reason }。审批人用“resume”恢复后，再提交表单。
form-choose-first = 选定数据库后，会读取它的节点。
form-reading = ⏳ 正在读取 { $name } 的节点。不必等待：没填的由机器人查明。
form-not-read = 下面几项可以留空，也可以直接输入；提交申请后会重新读取。
form-shard = 分片
form-shard-typed = 分片的 id 或名称，“list”会列出。
form-shard-missing = 请选择分片：各分片分别切换。
form-node = 新主库
form-node-or-fitting = 留空：选用唯一合适的节点；有多个时会问你。
form-node-or-cloud = 留空：由云平台选择。指定节点则强制提升该节点。
form-node-about = { $role }，{ $health }
form-node-elsewhere = { $node } 是 { $shard } 的节点。请选本分片的节点，或不选。
form-node-of-another = { $node } 不是现在所选分片的节点。请选本分片的节点，或不选。
form-no-node = ⚠ 现在没有节点能成为主库，提交申请也不会执行。
form-cloud-chooses = 新主库由云平台选择。
form-primary = { GIVEN($node) ->
    [yes] 当前主库：{ $node }
   *[no] ⚠ 主库未知
 }
form-of-another = 这是为 { $name } 选的。请重新选择数据库，再选这一项。
form-start = 开始时间
form-start-placeholder = 立即
form-start-hint = 22:00（你所在时区）；30m（30 分钟后）；或带日期和时区，如 2026-11-23T02:00+08:00。留空：批准后立即开始。
form-reason = 原因
reading-slow = 未能及时读到 { $name }。

## Help, and what is no command

help-head = 经批准后切换托管数据库的主库。命令用英文输入：
help-request = 申请切换
help-plan = 试运行：读取角色并检查，只有你能看到
help-list = 各数据库及其当前主库；或只列出名称、描述里含 PART 的
help-status = 进行中的操作，或某一个操作
help-history = 历史操作
help-cancel = 撤回尚未提交到云平台的申请
help-freeze = 冻结：在 DURATION 之内或解冻之前，不得开始计划内切换
help-unfreeze = 解除手动冻结
help-halt = 全面暂停：不再发送任何新请求，紧急切换也不行；已发送的继续跟踪
help-resume = 结束全面暂停
help-emergency = 不经批准立即切换；会公开通告，并须由他人复核
help-help = 显示本说明
help-line = { $usage }：{ $about }
help-names = 名称里有空格的数据库要加引号："my database"。“because”之后的内容全部算作原因。
help-times = TIME 写 22:00（你所在时区），或带日期和时区：2026-11-23T02:00+08:00。DURATION 例如 45s、90m、1h30m、2d。
help-checks = CHECK 可选：{ $checks }。
help-ways = 消息列里不能使用斜杠命令，请改为提及机器人（{ $mention }），或在消息的菜单里选“Switch over a database”。只输入 { $command } 可打开表单；快捷方式“New switchover”也可以。

misunderstood-understood = 已识别：{ $understood }
misunderstood-nearest = 可以试试：{ $nearest }
misunderstood-example = 例如：{ $nearest }
misunderstood-help = 全部命令：{ $nearest }
misunderstood-nothing-done = 未执行任何操作。
name-first = 申请要以数据库的名称（{ $value }）开头，不能以“{ $word }”开头。
missing-value = “{ $word }”后面需要填写：{ $value }
missing-id = “{ $word }”后面需要操作的 id；“status”会列出进行中的操作。
empty-name = 名称为空；需要：{ $value }
duplicate-clause = “{ $word }”出现了两次；写一次即可。
unknown-word = 无法识别“{ $text }”。
on-the-card = “{ $word }”不是命令。批准、驳回或复核，请点该操作卡片上的按钮。
mention-in-name = “{ $text }”是提及；请直接输入名称。
quote-not-closed = “{ $text }”的引号没有成对。
not-an-id = “{ $text }”不是操作 id；id 形如 SW-7K3M9Q。
text-too-long = 文本超过 { $most } 个字符。
missing-clause = “{ $word }”需要“{ $clause }”。
either-clause = “{ $word }”和“{ $other }”都表示开始时间；只用其中一个。
clause-elsewhere = “{ $word }”不能用于这个命令。
not-a-clock = 没有“{ $text }”这个钟点：小时为 0 到 23，分钟为 00 到 59。请写 22:00，或日期、时间加时区，例如 2026-11-23T02:00+08:00 或 2026-11-22T18:00Z。
not-a-time = “{ $text }”不是时间；请写 22:00，或日期、时间加时区，例如 2026-11-23T02:00+08:00 或 2026-11-22T18:00Z。
time-without-zone = “{ $text }”没有时区；请加上，例如 2026-11-23T02:00+08:00 或 2026-11-22T18:00Z。
not-a-duration = “{ $text }”不是时长；例如 45s、90m、1h30m 或 2d，最长 { $days } 天。
not-a-page = “{ $text }”不是页码；请写成“page 2”这样。
not-overridable = “{ $asked }”不是可忽略的检查项{ GIVEN($nearest) ->
    [yes] ；你是指 { $nearest } 吗？可忽略的有：{ $known }
   *[no] ；可忽略的有：{ $known }
 }
