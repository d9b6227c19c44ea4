# English. Sentences are plain text: whoever puts them into Slack escapes what is filled in.
# GIVEN($x) is "yes" unless $x is empty; such a variable may be left out. COUNT($x) picks the plural.
# $status and $role are filled in with the words of word-… and role-… below.

## What an operation is doing: a mark, then words, so that nothing hangs on colour

status-planning = ▶ Planning: reading the roles and checking whether a switchover is safe
status-awaiting-approval = ⏸ { GIVEN($held) ->
    [yes] Held, can't be approved for now
   *[no] Waiting for approval
 }: { $count } of { $needed } so far
status-scheduled = ⏸ { GIVEN($held) ->
    [yes] Approved, and held: ends as refused if that is still so at its start
   *[no] Approved, waiting for its start
 }
status-rechecking = ▶ { GIVEN($emergency) ->
    [yes] Checking everything again before the start
   *[no] Approved: checking everything again before the start
 }
status-starting = ▶ Sending the request to the provider
status-in-doubt = ❔ Not known whether the provider took the request: looking for it, not sending it again
status-running = ▶ Running: the provider is at work
status-verifying = ▶ Verifying: { GIVEN($failed) ->
    [yes] the job has failed; the roles are read until it is certain that nothing changed
   *[no] { GIVEN($done) ->
        [yes] the job is done; the roles are read until they have really moved
       *[no] the roles have moved; they are read again to be certain
     }
 }
status-needs-attention = ⚠ Needs a person: { GIVEN($differs) ->
    [yes] the outcome is not as
   *[no] { GIVEN($moved) ->
        [yes] the job failed, but the roles are as
       *[no] nothing proves that the roles are as
     }
 } { GIVEN($emergency) ->
    [yes] planned
   *[no] approved
 }
status-succeeded = ✔ Succeeded: the roles were read and are as { GIVEN($emergency) ->
    [yes] planned
   *[no] approved
 }
status-failed = ✖ Failed: nothing changed
status-refused = ✖ Refused: nothing changed
status-not-needed = ✔ Not needed: the roles are already as asked
status-rejected = ✖ Rejected: nothing changed
status-expired = ✖ Expired: nothing changed
status-cancelled = ✖ Cancelled: nothing changed
status-closed = ■ Closed: a person took over

word-planning = planning
word-awaiting-approval = waiting for approval
word-scheduled = waiting for its start
word-rechecking = being checked again
word-starting = starting
word-in-doubt = in doubt
word-running = running
word-verifying = being verified
word-needs-attention = in need of attention
word-succeeded = succeeded
word-failed = failed
word-refused = refused
word-not-needed = not needed
word-rejected = rejected
word-expired = expired
word-cancelled = cancelled
word-closed = closed

role-primary = primary
role-replica = replica
role-hidden = hidden member
role-read-only = read-only member
role-unknown = unknown role

scope-all = all databases

health-good = healthy
health-bad = not healthy
health-unknown = health not reported

## The card

moves = { $database }: from { $before } to { $after }
moves-asked = { $database }: to { $after }
moves-nothing = { $database }: { $before }
moves-nobody-known = unknown primary
moves-cloud-chooses = a node the cloud chooses
node-with-address = { $name } ({ $address })
shard-with-name = { $name } ({ $shard })

card-tried-for = Where the cloud does not answer, it is asked again for a minute; then this ends, and nothing is sent.
card-doubt-until = If nothing proves what became of it, a person is asked to look, not before { $until }; while the cloud is at work it may be later. Until then { $database } stays locked.
card-id = Operation { $id } · asked by { $by }, { $when }
card-emergency = ⚠ EMERGENCY by { $by }, without approvals
card-overrides = { GIVEN($over) ->
    [yes] Checks that were allowed to fail
   *[no] Checks that may fail
 }: { $checks }
card-review-owed = ⚠ A review is owed: somebody other than { $by } looks at what was done and why, then presses “Review”
card-reviewed = Reviewed by { $by }, { $when }
card-switch-back = Switch back of { $id }
card-fresh-plan = Fresh plan for { $id }
card-last = Last switchover: { $id }, ended { $when }, from { $before } to { $after }
card-not-promised = ⚠ The cloud chooses the new primary, so the old one may not get the role back
card-shard = Shard: { $shard }
card-reason = Reason: { $reason }
card-call = Request to the provider: { GIVEN($node) ->
    [yes] make { $node } the primary
   *[no] switch over, to a node that the cloud chooses
 }: { $call }
card-to-do = What to do: look at this database in the provider's console, and put it right if need be. “Check again” reads jobs and roles at once. When all is well, an approver presses “Acknowledge”: the bot stops looking then, and unlocks the database. Until then it looks now and then, and sends nothing.
card-warning = ⚠ { $warning }
warning-forced-promotion = Naming the node is a forced promotion: the cloud makes it primary at once, without a job to follow. It may fail where the node lags, and connections break.
card-checks = Checks{ GIVEN($when) ->
    [yes] {""}, as of { $when }
   *[no] {""}
 }
card-checks-before = Checks before the start{ GIVEN($when) ->
    [yes] {""}, as of { $when }
   *[no] {""}
 }
card-check-told = ✗ { $name ->
    [cluster_ready] The cluster's state
    [primary_known] Which node is the primary
    [candidate_known] Which node is to become primary
    [candidate_is_replica] The node's role
    [candidate_healthy] The node's health
    [candidate_lag] The node's lag
   *[other] { $name }
 }: as said above
card-check-passed = ✓ { $detail }
card-check-failed = ✗ { $detail }
card-check-overridden = ⚠ Overridden: { $detail }
card-nodes = Nodes, as read { $when }
card-nodes-before = Nodes before the start, as read { $when }
card-nodes-old = Nodes, as read { $when }, { $minutes } min before this was written
card-node = { $name }: { $role }, { $health }{ GIVEN($lag) ->
    [yes] {""}, lag { $lag } s
   *[no] {""}
 }
card-more = … and { $count } more
card-approvals = Approvals: { $count } of { $needed }{ GIVEN($people) ->
    [yes] {""}, by { $people }
   *[no] {""}
 }
card-missing = Still needed: { $count }. May approve: { $people }
card-anyone = any full member
card-expires = Approval is possible until { $when }
card-start = Start: { $when }, that is { $wall }
card-job = Job: { $job }
card-no-job = Job: the provider's call gives no job id
card-job-word = The provider says: { $word }{ GIVEN($detail) ->
    [yes] {""} ({ $detail })
   *[no] {""}
 }
card-primary-now = Primary: { GIVEN($node) ->
    [yes] { $node }
   *[no] not known
 }, as read { $when }
card-primary-before = Primary before the start: { GIVEN($node) ->
    [yes] { $node }
   *[no] not known
 }, as read { $when }
picture-before = {" "}· before the start
card-decided = Decided by { $by }
card-sent = Sent to the provider { $when }
card-usual = { COUNT($count) ->
    [one] Last time it took { GIVEN($seconds) ->
        [yes] about { $seconds }
       *[no] a few seconds
     }
   *[other] Usually takes { GIVEN($seconds) ->
        [yes] about { $seconds }
       *[no] a few seconds
     } (median of the last { $count })
 }{ GIVEN($until) ->
    [yes] {""}, so it should be done by about { $until }
   *[no] {""}
 }
card-ended = Ended { $when }, after { $seconds }
length-seconds = { COUNT($count) ->
    [0] less than a second
   *[other] { $count } s
 }
length-minutes = { $minutes } min{ GIVEN($left) ->
    [yes] {" "}{ $left } s
   *[no] {""}
 }
length-hours = { $hours } h{ GIVEN($left) ->
    [yes] {" "}{ $left } min
   *[no] {""}
 }

button-approve = Approve
button-reject = Reject
button-cancel = Cancel
button-check-again = Check again
button-acknowledge = Acknowledge
button-switch-back = Switch back
button-replan = Plan again
button-replan-ordinary = Plan again, with approvals
button-review = Review
confirm-approve-title = Approve this switchover?
confirm-approve-text = { $database }: from { $before } to { $after }. Once enough people have approved, it starts { GIVEN($start) ->
    [yes] at { $start }
   *[no] at once
 }; { GIVEN($forced) ->
    [yes] the node is promoted by force, which may fail where it lags, and clients lose their connections.
   *[no] clients may lose their connections for a moment.
 }
confirm-reject-title = Reject this switchover?
confirm-reject-text = { $database }: the request ends here, and the approvals it has are lost. Whoever still wants it must ask again.
confirm-yes-reject = Reject
confirm-cancel-title = Withdraw this request?
confirm-cancel-text = { $database }: nothing has been sent yet. The request ends here, and the approvals it has are lost. Whoever still wants it must ask again.
confirm-yes-cancel = Withdraw it
confirm-acknowledge-title = Take over from the bot?
confirm-acknowledge-text = The bot does not know how this ended. It stops looking and unlocks { $database }. Look at the cluster first.
confirm-switch-back-title = Plan the way back?
confirm-switch-back-text = { $database }: from { $after } back to { $before }. This makes a new plan, with fresh checks and fresh approvals; nothing is switched before those.
confirm-switch-back-chosen-text = { $database }: away from { $after }. This makes a new plan, with fresh checks and fresh approvals; nothing is switched before those. The cloud chooses, and may not choose { $before }.
confirm-choose-node-title = Start this emergency?
confirm-choose-node-text = { $database }: to { $node }, at once and without approvals; clients may lose their connections for a moment. It is announced, and somebody else must review it.
confirm-review-title = Have you reviewed it?
confirm-review-text = You say that you have looked at what { $by } did with { $database } without approvals: why, which checks were overridden, if any, and how it ended. It has to be somebody other than { $by }.
confirm-yes-approve = Approve
confirm-yes-acknowledge = Acknowledge
confirm-yes-switch-back = Make the plan
confirm-yes-choose-node = Start the emergency
confirm-replan-ordinary-title = Ask for it as usual?
confirm-replan-ordinary-text = This was an emergency of { $by }. What you make is an ordinary request for { $database }: it needs approvals and overrides nothing. For another emergency type “emergency …”.
confirm-yes-replan-ordinary = Make the request
confirm-yes-review = I have reviewed it
confirm-no = Back

## Replies in the thread

reply-awaiting-approval = ⏸ The plan for { $database } is ready: { $needed } { COUNT($needed) ->
    [one] approval is
   *[other] approvals are
 } needed{ GIVEN($approvers) ->
    [yes] {""} from { $approvers }
   *[no] {""}
 }. The card has the buttons.
reply-emergency = ⚠ EMERGENCY: { $by } switches { $database } over without approvals: { $reason }
overrides = Checks that may fail: { $checks }
reply-scheduled = ⏸ The switchover of { $database } is approved. It starts { $when }{ GIVEN($wall) ->
    [yes] , that is { $wall }
   *[no] {""}
 }. Until then it can be cancelled.
reply-start-near = ⏸ The switchover of { $database } starts { $when }{ GIVEN($wall) ->
    [yes] , that is { $wall }
   *[no] {""}
 }. Until then it can still be cancelled.
reply-held = ⏸ { GIVEN($lifted) ->
    [yes] { $lifted } lifted a freeze or a halt, but another one is in force. This switchover of { $database } may not start yet
   *[no] This switchover of { $database } may not start for now
 }{ GIVEN($when) ->
    [yes] . If that is still so at { $when }, it ends as refused.
   *[no] , and can't be approved until that is over.
 }{ GIVEN($by) ->
    [yes] {" "}What is set now takes the place of the freeze by { $by }{ GIVEN($until) ->
        [yes] {""} until { $until }
       *[no] {""}
     }
   *[no] {""}
 }{ GIVEN($reason) ->
    [yes] : { $reason }
   *[no] {""}
 }
reply-let-go = ▶ { GIVEN($by) ->
    [yes] { $by } lifted what held { $database }
   *[no] What holds { $database } now ends before the start
 }: { GIVEN($when) ->
    [yes] it starts { $when }, unless something else forbids it then.
   *[no] this can be approved again, unless something else forbids it.
 }
reply-review-owed = ⚠ This was done without approvals. Somebody other than { $by } must review it: look at why and at what was done, then press “Review”.
direct-buttons = Nothing can be said where it was asked, so others know only if you tell them. They find the buttons with “status { $id }”.
notice-review-owed = ⚠ This was done without approvals, and a review by somebody other than { $by } is owed. The thread has the button.
reply-accepted = ▶ The provider took the request: job { $job }.
reply-accepted-no-job = ▶ The provider took the request. Its call gives no job id, so the roles are watched.
reply-not-accepted = ⏸ The provider did not take the request (try { $attempt } of { $most }). Nothing changed.
reply-calls-awaited = ⏸ { $database } waits to be read: the bot has used up its calls for now. Nothing is sent meanwhile.
reply-in-doubt = ❔ It is not known whether the provider took the request. It is not sent again: jobs and roles are being read to find out.
reply-found = ▶ Found: the provider had taken the request{ GIVEN($job) ->
    [yes] {""}, as job { $job }
   *[no] {""}
 }.
reply-job = ▶ Job { $job }: { $word }.
reply-job-done = ▶ Job { $job } is done ({ $word }). Now the roles are read.
reply-job-failed = ✖ Job { $job } failed ({ $word }). Now the roles are read.
reply-roles-moved = ▶ The roles have moved. They are read again to be sure.
reply-needs-attention = ⚠ { GIVEN($by) ->
    [yes] { $by }{ GIVEN($approvers) ->
        [yes] , { $approvers }
       *[no] {""}
     }: a
   *[no] A
 } person must look at this database: { GIVEN($differs) ->
    [yes] the outcome is not as
   *[no] { GIVEN($moved) ->
        [yes] the job failed, but the roles are as
       *[no] nothing proves that the roles are as
     }
 } { GIVEN($emergency) ->
    [yes] planned
   *[no] approved
 }.{ GIVEN($buttons) ->
    [yes] {" "}Look at it in the provider's console, and put it right if need be; “Check again” reads jobs and roles at once.
   *[no] {""}
 } The database stays locked until a later reading settles it, or an approver presses “Acknowledge”.
reply-needed-attention = ⚠ A person was called to look at this database. That is over: the operation has ended since, and its card says how.
reply-succeeded = ✔ { $database } is switched over{ GIVEN($before) ->
    [yes] {""} from { $before } to { $now }
   *[no] : { $now } is primary
 }. The roles were read twice and are as { GIVEN($emergency) ->
    [yes] planned
   *[no] approved
 }. It took { $seconds }{ GIVEN($job) ->
    [yes] {""}, job { $job }
   *[no] {""}
 }.
reply-failed = ✖ The switchover of { $database } failed. Nothing changed{ GIVEN($now) ->
    [yes] : { $now } is still primary
   *[no] {""}
 }.
reply-refused = ✖ No switchover of { $database }. Nothing changed.
reply-not-needed = ✔ No switchover of { $database } is needed. Nothing changed.
reply-rejected = ✖ { $by } rejected the switchover of { $database }. Nothing changed.
reply-expired = ✖ The switchover of { $database } expired before it could start. Nothing changed. If it is still wanted, “Plan again” on the card asks for it again.
reply-cancelled = ✖ The switchover of { $database } was cancelled{ GIVEN($by) ->
    [yes] {""} by { $by }
   *[no] {""}
 }. Nothing changed.
reply-closed = ■ { $by } took over { $database }. The bot stops looking; the database is unlocked.

## Checks: what was found, and what would mend it

check-cluster-ready = The cluster is ready ({ $state })
check-cluster-busy = The cluster is busy ({ $state }); wait until it is idle
check-cluster-obstacle = No switchover is possible now: { $obstacle }{ GIVEN($overridden) ->
    [yes] {""}
   *[no] ; mend that first
 }
check-primary-known = The primary is { $node }
check-primary-unknown = { COUNT($count) ->
    [0] No node says that it is primary{ GIVEN($overridden) ->
        [yes] {""}
       *[no] ; wait until one does, or look at the provider's console
     }
   *[other] { $count } nodes say that they are primary{ GIVEN($claiming) ->
        [yes] {""} ({ $claiming })
       *[no] {""}
     }{ GIVEN($overridden) ->
        [yes] {""}
       *[no] ; wait until it is exactly one, or look at the provider's console
     }
 }
check-primary-unknown-allowed = The primary is not known; policy { $policy } allows that
check-node-found = The candidate is { $node }
check-node-not-found = “{ $asked }” is not a node of this database{ GIVEN($nearest) ->
    [yes] ; did you mean { $nearest }? You can name
   *[no] ; name one of
 } { $known }
check-node-ambiguous = Several nodes answer to { $asked }; use the id of one: { $known }
check-name-one = Several nodes fit; name one with “to NODE”: { $known }
check-nobody-fits = No node can become primary ({ $nodes }); mend one of them in the provider's console, then ask again
unfit-not-a-replica = { $node }: { $role }
unfit-unhealthy = { $node }: not healthy
unfit-health-unknown = { $node }: health not reported
unfit-lag-too-long = { $node }: { $lag } s behind, { $limit } s are allowed
unfit-lag-unknown = { $node }: lag can't be read
unfit-separator = {"; "}
unfit-more = and { $count } more
check-cloud-chooses = This cloud chooses the new primary itself; leave out “to { $asked }”
check-cloud-will-choose = The cloud will choose the new primary
check-is-replica = { $node } is a replica
check-not-a-replica = { $node } is not a replica ({ $role }){ GIVEN($overridden) ->
    [yes] {""}
   *[no] ; name a replica
 }
check-role-unknown-allowed = The role of { $node } is not known; the policy allows that
check-healthy = { $node } is healthy
check-unhealthy = { $node } is not healthy{ GIVEN($overridden) ->
    [yes] {""}
   *[no] ; wait until it is, or name another node
 }
check-health-unknown = The health of { $node } is not reported{ GIVEN($overridden) ->
    [yes] {""}
   *[no] ; check the node in the provider's console, or name another node
 }
check-lag = { $node } is { $lag } s behind, { $limit } s are allowed
check-lag-too-long = { $node } is { $lag } s behind, { $limit } s are allowed{ GIVEN($overridden) ->
    [yes] {""}
   *[no] ; wait until it has caught up
 }
check-lag-unknown = The lag of { $node } can't be read, { $limit } s are allowed{ GIVEN($overridden) ->
    [yes] {""}
   *[no] ; wait until it can
 }
check-lag-not-reported = This cloud does not report lag, so the limit of { $limit } s can't be checked
not-needed-already-primary = { $node } is already the primary.

## Why a person may not

deny-not-a-member = Only full, active members of this workspace may do this.
deny-not-a-requester = Policy { $policy } does not let you request this. Ask { GIVEN($requesters) ->
    [yes] { $requesters }
   *[no] somebody it names
 }.
deny-own-request = This is your own request. Somebody else must approve it.
deny-not-an-approver = Policy { $policy } does not name you as an approver.{ GIVEN($approvers) ->
    [yes] {""} Ask { $approvers }.
   *[no] {""}
 }
deny-no-approver-at-all = Only an approver of at least one database may do this.{ GIVEN($approvers) ->
    [yes] {""} Ask { $approvers }.
   *[no] {""}
 }
deny-no-requester-at-all = Only somebody who may request a switchover of at least one database may do this.
deny-no-reviewer = Policy { $policy } does not let you review this: its approvers may, and those it names under break_glass.{ GIVEN($people) ->
    [yes] {" "}Ask { $people }.
   *[no] {""}
 }
deny-not-break-glass = Policy { $policy } does not let you run an emergency. { GIVEN($people) ->
    [yes] Ask { $people }, whom it names under break_glass,
   *[no] It names nobody under break_glass. Ask somebody who can change that,
 } or request a switchover as usual.
deny-own-emergency = This is your own emergency. Somebody else must review it.
deny-approved-already = Your approval has been counted already.
deny-not-requester-nor-approver = Only the requester or an approver can cancel this.
who-unknown = Slack can't say right now who you are, so nothing was done. Try again in a minute.
wrong-channel = Requests are not taken in this channel. Ask in one that is set up for it.

## Answers to one person

unknown-database = There is no database “{ $name }”.{ GIVEN($nearest) ->
    [yes] {""} Did you mean { $nearest }?
   *[no] {""} “list” shows what there is.
 }
list-none = No database has “{ $part }” in its name or description.{ GIVEN($nearest) ->
    [yes] {""} Did you mean { $nearest }?
   *[no] {""} “list” shows all of them.
 }
unknown-operation = There is no operation “{ $id }”. { GIVEN($nearest) ->
    [yes] Did you mean { $nearest }?
   *[no] “status” shows what is under way, “history” what was done.
 }
locked = { $database } is locked by { $holder }. It is unlocked once that has ended.
locked-needs-you = The bot does not know how { $id } ended. Unless a later reading settles it, somebody has to acknowledge it on its card. You can: you are an approver.
locked-tracked = { $id } was sent, so it can't be withdrawn: it is followed to its end.
locked-needs-attention = The bot does not know how { $id } ended. Unless a later reading settles it, an approver has to acknowledge it on its card.
chosen = You chose { $node } for { $database }. { GIVEN($emergency) ->
    [yes] The EMERGENCY
   *[no] The request
 } is { $id }: follow it on its card { GIVEN($beside) ->
    [yes] beside that of { $beside }
   *[no] { GIVEN($thread) ->
        [yes] in this thread
       *[no] in this channel
     }
 }.
choice-too-old = Too late to choose: more than { $minutes } minutes have passed since you asked. Nothing was done. Ask again.
chosen-already = This choice was made already: it became { $id }. Nothing more was done. Ask again if you want another switchover.
approval-expired = Too late: the time for approvals is over. Ask again if it is still wanted.
locked-cancel = You can cancel { $id } yourself: press “Cancel” on its card, or use the command “cancel { $id }”.
locked-may-cancel = To cancel { $id }, ask { $by }{ GIVEN($approvers) ->
    [yes] , { $approvers }
   *[no] {""} or any full member
 }.
frozen = Frozen until { $until }: { $reason }.{ GIVEN($over) ->
    [yes] {""}
   *[no] {" "}Nothing but an emergency can be requested, approved or started before then.
 }
frozen-at-start = The start, { $when }, falls into a freeze until { $until }: { $reason }. Choose a start outside of that.
frozen-by-hand = Frozen ({ $scope }) by { $by }{ GIVEN($since) ->
    [yes] {""} since { $since }
   *[no] {""}
 }: { $reason }.{ GIVEN($over) ->
    [yes] {""}
   *[no] {" "}Until an approver lifts it with “unfreeze”, nothing but an emergency can be requested, approved or started.
 }
frozen-by-hand-until = Frozen ({ $scope }) until { $until } by { $by }: { $reason }.{ GIVEN($since) ->
    [yes] {" "}In force since { $since }.
   *[no] {""}
 }{ GIVEN($over) ->
    [yes] {""}
   *[no] {" "}Until it ends, or an approver lifts it with “unfreeze”, nothing but an emergency can be requested, approved or started.
 }
halted-by = Halted by { $by }{ GIVEN($since) ->
    [yes] {""} since { $since }
   *[no] {""}
 }: { $reason }.{ GIVEN($over) ->
    [yes] {""}
   *[no] {" "}Nothing new is sent until an approver says “resume”.
 }
cooldown = Too soon after { $last }: nothing can start before { $until }.
start-in-the-past = { $when } has passed. Name a time that is still to come.
start-too-far = { $when } is more than { $days } days away. Ask again closer to that time.
start-in-gap = The clocks jump over { $clock } on { $date } in { $zone }. Name a time before or after the jump.
zone-unknown = Your time zone in Slack ({ $zone }) is not known here, so a time without a zone could mean anything. Write the start with its zone, like 2026-11-23T02:00+08:00.
reason-needed = A reason is needed: add “because …”.
emergency-could-override = The checks say no. An emergency may go on without them, if you take the risk: type the same again, with “override { $checks }” before “because”.
emergency-starts-at-once = An emergency starts at once. Leave out the start, or request a switchover as usual.
emergency-cluster-busy = The cluster is busy ({ $state }). No emergency overrides that: what it is busy with may be a switchover, and this one would undo it. Wait until it is idle.
overrides-need-emergency = Checks are overridden in an emergency only. Leave out “override”.
frozen-now = Frozen: { $scope }{ GIVEN($until) ->
    [yes] , until { $until }. “unfreeze” lifts it sooner.
   *[no] , until somebody says “unfreeze”.
 }
freeze-replaced = This takes the place of the freeze by { $by }{ GIVEN($until) ->
    [yes] {""} until { $until }
   *[no] , which had no end
 }: { $reason }
unfrozen-now = No longer frozen by hand: { $scope }.
not-frozen-by-hand = Nothing to lift: there is no freeze by hand ({ $scope }).
still-frozen = Still frozen: { $names }
halted-now = Halted: { $reason }. Nothing new is sent until an approver says “resume”.
halted-already = Halted already by { $by }: { $reason }. “resume” ends it.
operations-more = { $operations } and { $count } more
still-tracked = Sent before, so not stopped and still tracked: { $operations }
resumed-now = Resumed: { GIVEN($scope) ->
    [yes] the halt is over, but still frozen: { $scope }
   *[no] { GIVEN($names) ->
        [yes] the halt is over, but still frozen: { $names }
       *[no] switchovers can start again
     }
 }. What was refused meanwhile must be asked for anew.
not-halted = Nothing is halted.
switch-back-unknown = Which node was primary before { $id } is not known, so there is no way back to plan. Request a switchover to the node you want.
switch-back-moved = The primary is { GIVEN($now) ->
    [yes] { $now }
   *[no] not known
 }, and no longer { $before } as after { $id }, so this would not be a way back. Request a switchover to the node you want.
switch-back-not-promised = The cloud chooses the new primary, so { $node } may not get the role back.
nothing-to-switch-back = { $id } is { $status }, so there is nothing to switch back.
nothing-to-replan = { $id } is { $status }, so there is nothing to plan again.
replan-start-passed = { $id } was to start { $when }{ GIVEN($wall) ->
    [yes] , { $wall }
   *[no] {""}
 }. That time has passed, and “Plan again” would start it at once. Ask again with a time: “"{ $database }"{ GIVEN($node) ->
    [yes] {" "}to "{ $node }"
   *[no] {""}
 }{ GIVEN($shard) ->
    [yes] {" "}shard "{ $shard }"
   *[no] {""}
 } at TIME{ GIVEN($reason) ->
    [yes] {" "}because { $reason }
   *[no] {""}
 }”
cancelled-now = Withdrawn: { $id } ({ $database }). Nothing changed.
already-reviewed = { $id } has been reviewed already, by { $by }.
review-too-early = { $id } is not over yet. Review it once it is.
nothing-to-review = { $id } needs no review.
not-ready-for-approval = The plan is not ready yet. Approve once the card says so.
too-late = Too late: this operation is { $status }. Nothing was done.
already-decided = This has been decided: it is { $status }. Nothing was done.
not-recorded = The bot's own database can't be written to, so nothing was recorded and nothing was done. Try again in a minute.
maybe-recorded = The bot lost its own database at this very moment, so this may or may not have been recorded. If it was, it goes on by itself: look at “status” in a minute before you ask again.
locked-for-emergency-cancel = An emergency does not push aside what was asked for before, even if that starts much later. You can cancel { $id } yourself: press “Cancel” on its card, or use the command “cancel { $id }”.
locked-for-emergency = An emergency does not push aside what was asked for before, even if that starts much later. Breaking the glass does not let you cancel it: for { $id } ask { $by }{ GIVEN($approvers) ->
    [yes] , { $approvers }
   *[no] {""} or any full member
 }.
nothing-to-check-yet = There is nothing to look at yet: { $id } is { $status }.
looked-again = Looked again { $when }: this reading { GIVEN($now) ->
    [yes] { GIVEN($moved) ->
        [yes] shows { $now } as primary
       *[no] still shows { $now } as primary
     }
   *[no] shows no single primary
 }. { GIVEN($job) ->
    [yes] The job is looked at again, too; what
   *[no] What
 } settles it shows on the card.
checking-again = Looking again now. The card shows what is found.
internal-error = Something went wrong in the bot. Nothing more was done. Give this number to those who run it: { $id }
stored-unreadable = The bot can't read what it has recorded of this database, perhaps because a newer version wrote it, so nothing was done. Tell those who run it: the log names the row.

## Why it is as it is

provider-said = The provider: { $message }{ GIVEN($error) ->
    [yes] {""} ({ $error })
   *[no] {""}
 }
job-said = The provider said: { $said }
provider-silent = The cloud could not be read for a minute, so this ends here. What was seen last: { $message }{ GIVEN($error) ->
    [yes] {""} ({ $error })
   *[no] {""}
 }. Ask again once it can be read.
calls-awaited = The bot calls the cloud only so often: { $message }.{ GIVEN($over) ->
    [yes] {""}
   *[no] {" "}This goes on by itself as soon as it may call again.
 }
provider-throttled = The provider takes no more for now: { $message }{ GIVEN($error) ->
    [yes] {""} ({ $error })
   *[no] {""}
 }
not-sent = The request never left: { $message }{ GIVEN($error) ->
    [yes] {""} ({ $error })
   *[no] {""}
 }
not-sent-stopping = The bot was told to stop before the request left. It tries again once it is back.
lost-answer = The answer was lost: { $message }{ GIVEN($error) ->
    [yes] {""} ({ $error })
   *[no] {""}
 }
answer-undecided = The provider answered, but that does not tell whether it took the request: { $message }{ GIVEN($error) ->
    [yes] {""} ({ $error })
   *[no] {""}
 }
submission-broke = Something went wrong in the bot while the request was being sent, so it may or may not have left.
restarted-while-starting = The bot stopped while the request was being sent, so it may or may not have left.
not-plannable = No switchover of { $name } can be planned.
which-shard = { $name } is a sharded cluster, and each shard is switched by itself. Say which: { $known }{ GIVEN($more) ->
    [yes] {""} and { $more } more, which “list” shows
   *[no] {""}
 }.
misnamed-shard = { $name }: { $message }.
ask-again = To ask again, type: { $command }
unreadable = The roles of { $name } can't be read for now. Try again in a minute.
topology-moved-primary = The primary is no longer the one in the plan: it was { $before } and is { $now }. “Plan again” on the card makes a fresh plan.
topology-moved-members = The nodes are no longer those in the plan: gone { $gone }, new { $new }. “Plan again” on the card makes a fresh plan.
topology-moved-roles = The roles are no longer those in the plan: { $changed }. “Plan again” on the card makes a fresh plan.
answer-came-late = The provider's answer came after all.
plan-changed = The plan would be a different one now: it was “{ $before }” and is “{ $present }”. “Plan again” on the card makes a fresh one.
no-quorum = Of the { $needed } approvals that are needed, { $valid } count under the policy in force now. “Plan again” on the card asks for them again.
approvals-missing = Too few approvals came in time: { $count } of { $needed }.
start-missed = The start, { $when }, had passed by more than a minute.
approvals-unknown = For a minute Slack could not say whether the approvals still count, so it went no further. “Plan again” on the card asks for them again.
glass-unknown = For a minute Slack could not say whether { $by } may still run an emergency, so it went no further. Ask again.
database-removed = { $name } is no longer in the configuration.
cancelled-undeliverable = The card could not be posted, so nobody would have seen it. Invite the bot to the channel and ask again.
deadline-passed = The job has been running for more than { $minutes } { COUNT($minutes) ->
    [one] minute
   *[other] minutes
 }. Look at the provider's console.
looked-found = { $count } { COUNT($count) ->
    [one] job
   *[other] jobs
 }; { $job } is this request
looked-ambiguous = { $count } { COUNT($count) ->
    [one] job
   *[other] jobs
 }; { $jobs } may be this request, or somebody else's
looked-in-part = { $count } { COUNT($count) ->
    [one] job
   *[other] jobs
 }, which is not the whole list
looked-may-leave-none = { $count } { COUNT($count) ->
    [one] job
   *[other] jobs
 }; none is this request, but a promotion may leave none
looked-too-early = { $count } { COUNT($count) ->
    [one] job
   *[other] jobs
 }; none is this request, which might still be accepted
looked-none = { $count } { COUNT($count) ->
    [one] job
   *[other] jobs
 }; none is this request
looked-no-list = this cloud has no list of jobs
looked-past-unreadable = the job { $job } was found, but may be another request's: those before can't be read
looked-not-configured = { $name } is no longer in the configuration
looked-unreadable = the list of jobs can't be read: { $message }{ GIVEN($error) ->
    [yes] {""} ({ $error })
   *[no] {""}
 }
evidence = What was looked at: { $summary }
doubt-remains = Neither a job nor the roles prove whether the request arrived. What was looked at: { $summary }
roles-moved-as-asked = The roles have moved as asked.
roles-unreadable = The roles can't be read.
roles-no-single-primary = Not exactly one node says that it is primary.
roles-busy = The cluster is still busy: { $state }
roles-disagree = Two readings in a row disagree: one shows { GIVEN($before) ->
    [yes] { $before }
   *[no] no single node
 } as primary, the next { GIVEN($now) ->
    [yes] { $now }
   *[no] no single node
 }.
roles-moved-though-failed = The job failed, but { $primary } is primary now.
roles-another-though-failed = The job failed, and { $primary } is primary now: neither as before nor as planned.
roles-unchanged-though-done = The job is done, but { $primary } is still primary.
roles-another-primary = { $primary } is primary now, which is not as planned.

## What the bot itself found out about a cloud

obstacle-cluster = the cluster is { GIVEN($state) ->
    [yes] { $state }
   *[no] in no known state
 }
obstacle-some-node = a node of the cluster is { $state }
obstacle-shard = shard { $shard } is { $state }
home-obstacle = { GIVEN($obstacle) ->
    [yes] { $obstacle }
   *[no] nothing was said of it
 }
role-changed = { $node } was { $role } and is { $new_role }
cloud-budget-spent = the account's budget of { $count } calls is used up{ GIVEN($minutes) ->
    [yes] {""} for another { $minutes } min
   *[no] {""}
 }
cloud-too-late-to-send = the time in which it might have been sent had passed
cloud-said = { GIVEN($said) ->
    [yes] { $said }
   *[no] nothing was said of it
 }
cloud-not-prepared = the request could not be prepared
cloud-closed = the bot no longer uses this account
cloud-bad-address = the endpoint is not a usable address
cloud-unexpected = the bot can't deal with its answer
cloud-foreign-answer = the endpoint answered { $status } and does not look like { $name }
cloud-not-configured = database { $name } is not configured on this account
cloud-credentials-untried = it is not known yet whether the credentials are good
cloud-not-tried-again = { $message }; not tried again for a while, so that the credentials don't get locked
cloud-no-token = no usable token was issued
cloud-candidate-needed = this cloud must be told which node becomes the primary
cloud-not-a-member = node { $node } is not a member of what was approved
cloud-no-nodes-of-role = { $name } has no nodes of the role { $kind }
cloud-nodes-in-part = the nodes of { $name } could not all be read
cloud-garbled = what was said of { $name } could not be read
cloud-no-mode = what was said of { $name } leaves out its mode
cloud-unknown-mode = { $name } is of the unknown mode { $mode }
cloud-no-shard-to-switch = { $name } shows no shard that could be switched
cloud-replica-sets-only = this edition switches replica sets only, not the shards of a cluster
cloud-group-without-primary = { $shard } is a { $kind } group, which has no primary to switch; the cluster has { $known }
cloud-answer-lost = { $error ->
    [TimeoutError] no answer came to the request in time
    [ReadTimeout] no answer came to the request in time
    [RemoteProtocolError] the connection broke before the request was answered
    [ReadError] the connection broke before the request was answered
   *[other] no answer came to the request
}
cloud-no-answer = { $error ->
    [TimeoutError] it did not answer in time
    [ReadTimeout] it did not answer in time
    [RemoteProtocolError] the connection broke before it answered
    [ReadError] the connection broke before it answered
   *[other] it did not answer
}
cloud-no-connection = can't connect to { $address } ({ $why })
unconnected-untrusted = its certificate is not trusted
unconnected-tls = TLS failed
unconnected-no-name = name not found
unconnected-refused = connection refused
unconnected-timeout = timed out
unconnected-other = connection failed
cloud-answered = { $what }{ GIVEN($said) ->
    [yes] {""} ({ $said })
   *[no] {""}
 }
answered-busy = the instance is busy
answered-not-now = it can't answer now
answered-clocks-differ = its clock and ours differ
answered-set-the-clock = its clock and ours differ: set this machine's clock
answered-no-job = there was no job id that could be relied on
answered-no-more-calls = it takes no more calls for now
answered-nothing-certain = its answer says nothing certain
answered-unreadable = its answer could not be read
answered-updating = the service is being updated
answered-internal-error = an internal error
answered-busy-or-timed-out = the server was busy, or the execution timed out
answered-unknown-code = a code that the bot does not know
answered-may-not = the account may not do this
answered-bad-parameter = a parameter is missing or bad
answered-bad-action = unknown action or bad value
answered-wrong-key = unknown access key or wrong signature: the keys in the configuration need a check
answered-denied-or-state = access denied: no permission, not the owner, or the cluster's state forbids it
answered-not-found = not found
answered-exists = it exists already
answered-lease = lease problem
answered-balance = the account's balance does not suffice
answered-quota = a quota is used up
answered-not-offered = the endpoint does not offer this API
answered-licence = licence problem
answered-resources = not enough resources
answered-depended-on = something depends on it
answered-switched-off = the service is switched off
answered-disk-type = wrong disk type
answered-configuration = a configuration file is wrong
answered-denied = access denied: the credentials, the project and their permissions need a check
answered-no-such-node = no such node or group, or of a kind that can't be switched
answered-no-instance = instance not found in this project
answered-wrong-kind = this kind of instance takes no such switchover
answered-bad-request = the gateway could not read the request
answered-not-published = the endpoint does not offer this call: the endpoint or region needs a check
cloud-not-found = { $name } was not found
cloud-single-node = { $name } has a single node: there is no other to switch to
cloud-no-shards = this database has no shards: leave out the shard
cloud-leave-out-shard = { $name } is a replica set: leave out the shard
cloud-which-shard = this is a sharded cluster: say which shard; it has { $known }
cloud-shard-ambiguous = several shards are called { $shard }: give the id; the cluster has { $known }
cloud-no-such-shard = there is no shard { $shard }{ GIVEN($nearest) ->
    [yes] ; did you mean { $nearest }?
   *[no] ;
 } the cluster has { $known }

## What the audit channel is told besides

notice-frozen = ⏸ { $by } froze { $scope }{ GIVEN($until) ->
    [yes] {""} until { $until }
   *[no] {""} until somebody lifts it
 }: { $reason }
notice-unfrozen = ▶ { $by } lifted the freeze of { $scope }.
notice-reviewed = ✔ { $by } has reviewed the emergency switchover of { $database }.
notice-accepted-after-all = ⚠ The provider took the request of { $operation } after all: job { $job }. The bot had concluded that it never arrived, or stopped following it. Look at the roles of { $database }.
notice-halted = ■ { $by } halted every new switchover: { $reason }{ GIVEN($operations) ->
    [yes] . Sent before, so not stopped and still tracked: { $operations }
   *[no] {""}
 }
notice-resumed = ▶ { $by } resumed: { GIVEN($scope) ->
    [yes] the halt is over, but still frozen: { $scope }
   *[no] { GIVEN($names) ->
        [yes] the halt is over, but still frozen: { $names }
       *[no] switchovers can start again
     }
 }.
audit-head = Audit trail: { $seq } { COUNT($seq) ->
    [one] row
   *[other] rows
 }, head { $hash }. “switchover audit verify --head” with this hash checks that the trail still holds it.

## A node to choose

choose-head = Which node of { $database } should become primary? { GIVEN($emergency) ->
    [yes] Choosing one starts the EMERGENCY at once, without approvals.
   *[no] Choosing one makes the request{ GIVEN($when) ->
        [yes] {""}, to start { $when }
       *[no] {""}
     }.
 }
choose-this = Choose
choose-more = … and { $count } more. Name one with “to NODE”.

## The dry run

plan-clean = ✔ { $database }: { GIVEN($start) ->
    [yes] by what is known now, a switchover can start { $start }
   *[no] a switchover is possible now
 }. This was a dry run: nothing was requested.
plan-refused = ✖ { $database }: { GIVEN($start) ->
    [yes] a switchover that starts { $start } can't be requested now
   *[no] a switchover is not possible now
 }. This was a dry run: nothing was requested.
plan-choose = ❔ { $database }: several nodes fit; a request would ask which is to become primary, or take it from “to NODE”: { $known }. This was a dry run: nothing was requested.
plan-not-needed = ✔ { $database }: no switchover is needed. This was a dry run: nothing was requested.
plan-candidate = Would become primary: { $node }

## list, status, history

list-head = { $count } { COUNT($count) ->
    [one] database
   *[other] databases
 }{ GIVEN($part) ->
    [yes] {""} with “{ $part }”
   *[no] {""}
 }{ GIVEN($page) ->
    [yes] , page { $page } of { $pages }
   *[no] {""}
 }
list-next = More: { $command }
list-no-page = There is no page { $page }; this is the last one.
list-empty = No database is set up.
list-line = { $name }: { GIVEN($shards) ->
    [yes] { $shards } { COUNT($shards) ->
        [one] shard
       *[other] shards
     }
   *[no] { GIVEN($primary) ->
        [yes] primary { $primary }
       *[no] primary not known
     }
 }{ GIVEN($operation) ->
    [yes] , under way: { $operation }
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
list-frozen = ⏸ frozen{ GIVEN($until) ->
    [yes] {""} until { $until }
   *[no] {""}
 }{ GIVEN($by) ->
    [yes] {""} by { $by }
   *[no] {""}
 }: { $reason }
list-shard = · { $shard }: { GIVEN($primary) ->
    [yes] primary { $primary }
   *[no] primary not known
 }{ GIVEN($operation) ->
    [yes] , under way: { $operation }
   *[no] {""}
 }
list-shards-more = · … and { $count } more { COUNT($count) ->
    [one] shard
   *[other] shards
 }
operations-open = Under way{ GIVEN($name) ->
    [yes] {""}: { $name }
   *[no] {""}
 }
operations-past = History{ GIVEN($name) ->
    [yes] {""}: { $name }
   *[no] {""}
 }{ GIVEN($page) ->
    [yes] {""}, page { $page } of { $pages }
   *[no] {""}
 }{ GIVEN($page) ->
    [yes] ; { $count } { COUNT($count) ->
        [one] request has
       *[other] requests have
     } ended
   *[no] {""}
 }
operations-none-open = Nothing is under way{ GIVEN($name) ->
    [yes] {""} for { $name }
   *[no] {""}
 }.
operations-none-past = Nothing was done yet{ GIVEN($name) ->
    [yes] {""} for { $name }
   *[no] {""}
 }.
operations-to-review = Done without approvals and still to be reviewed by somebody else, with “Review” on the card:
operation-line = { $id } { $moves }: { $status }{ GIVEN($start) ->
    [yes] {""} ({ $start })
   *[no] {""}
 }{ GIVEN($held) ->
    [yes] , but held for now
   *[no] {""}
 }, { GIVEN($emergency) ->
    [yes] EMERGENCY by
   *[no] asked by
 } { $by }, { $when }{ GIVEN($review) ->
    [yes] , review owed
   *[no] {""}
 }{ GIVEN($reason) ->
    [yes] {" "}· { $reason }
   *[no] {""}
 }

## The Home tab

home-closed = Only full, active members of this workspace see switchovers here.
home-new = New switchover
home-awaiting = Waiting for your approval
home-awaiting-none = Nothing waits for your approval.
home-to-review = Waiting for your review
home-under-way = Under way
home-under-way-none = Nothing is under way.
home-past = Recent
home-past-none = Nothing was done yet.
home-databases = Databases: { $count }
home-databases-more = … and { $count } more { COUNT($count) ->
    [one] database
   *[other] databases
 }: { $command }
frozen-policy = Policy { $policy }: frozen until { $until }: { $reason }
home-database = { $mark } { $name }: { GIVEN($primary) ->
    [yes] primary { $primary }
   *[no] primary not known
 }, { $health }{ GIVEN($state) ->
    [yes] , { $state }
   *[no] {""}
 }{ GIVEN($operations) ->
    [yes] , under way: { $operations }
   *[no] {""}
 }{ GIVEN($problem) ->
    [yes] {" "}· { $problem }
   *[no] {""}
 }{ GIVEN($when) ->
    [yes] {" "}· as read { $when }
   *[no] {""}
 }
home-sharded = { $mark } { $name }: { $count } { COUNT($count) ->
    [one] shard
   *[other] shards
 }{ GIVEN($operations) ->
    [yes] , under way: { $operations }
   *[no] {""}
 }{ GIVEN($problem) ->
    [yes] {" "}· { $problem }
   *[no] {""}
 }{ GIVEN($when) ->
    [yes] {" "}· as read { $when }
   *[no] {""}
 }
home-unread = { $mark } { $name }: { GIVEN($problem) ->
    [yes] could not be read; tried again when this tab is opened, at most every 2 minutes
   *[no] being read; its primary shows here, usually within a minute
 }{ GIVEN($operations) ->
    [yes] , under way: { $operations }
   *[no] {""}
 }{ GIVEN($problem) ->
    [yes] {" "}· { $problem }
   *[no] {""}
 }
home-well = { $count } { COUNT($count) ->
    [one] node, healthy
   *[other] nodes, all healthy
 }
home-unwell = not healthy: { $names }
home-as-of = As of { $when }. Kept up to date for half an hour after you open this tab; databases are read when you do.

## The form

form-title = Switch over a database
form-submit = Request
form-close = Close
form-open = Open the form
form-open-head = “Open the form” asks for all of it.
form-channel = Channel
form-channel-hint = The card is posted here. The bot must be in it.
form-channel-hint-thread = The card is posted in this thread, or in the channel that you choose instead. The bot must be in it.
form-bot-missing = The bot is not in this channel, so it can't post the card there. Invite it with “/invite” and send the form again, or choose another channel.
form-channel-missing = Choose the channel that the card is posted in.
form-database = Database
form-database-placeholder = Type a part of its name
form-database-missing = Choose a database.
form-frozen = Frozen ({ $scope }){ GIVEN($until) ->
    [yes] {""} until { $until }
   *[no] {""}
 }: { $reason }. Send the form again once that is over.
form-halted = Halted: { $reason }. Send the form again once an approver says “resume”.
form-choose-first = Once a database is chosen, its nodes are read.
form-reading = ⏳ Reading the nodes of { $name }. You need not wait for it: whatever is left empty, the bot finds out.
form-not-read = The fields below can be left empty or typed into; the request reads everything again.
form-shard = Shard
form-shard-typed = Its id or name, as “list” shows it.
form-shard-missing = Choose a shard: each is switched by itself.
form-node = New primary
form-node-or-fitting = Left empty: the only node that fits, or you are asked.
form-node-or-cloud = Left empty: the cloud chooses. A node that is named is promoted by force.
form-node-about = { $role }, { $health }
form-node-elsewhere = { $node } is a node of { $shard }. Choose one of this shard, or none.
form-node-of-another = { $node } is not a node of the shard that is chosen now. Choose one of this shard, or none.
form-no-node = ⚠ No node can become primary now. A request would be refused.
form-cloud-chooses = The cloud chooses the new primary.
form-primary = { GIVEN($node) ->
    [yes] Primary now: { $node }
   *[no] ⚠ Which node is primary is not known
 }
form-of-another = This was chosen for { $name }. Choose the database again, then this.
form-start = Start
form-start-placeholder = at once
form-start-hint = 22:00 where you are; in 30m; or with date and zone, like 2026-11-23T02:00+08:00. Left empty: once it is approved.
form-reason = Reason
reading-slow = { $name } could not be read in time.

## Help, and what is no command

help-head = Switches the primary of a managed database, once it is approved.
help-request = request a switchover
help-plan = dry run: read the roles and run the checks; only you see it
help-list = the databases and their present primary, or only those with PART in their name or description
help-status = what is under way, or one operation
help-history = what was done
help-cancel = withdraw a request that has not been sent
help-freeze = no planned switchover may start, until DURATION is over or it is lifted
help-unfreeze = lift a freeze that was set by hand
help-halt = stop every new submission, emergencies too; what was sent before is still tracked
help-resume = end the halt
help-emergency = switch over at once, without approvals; it is announced, and somebody else must review it
help-help = this list
help-line = { $usage }: { $about }
help-names = A database with spaces in its name goes in quotes: "my database". “because” takes everything after it.
help-times = TIME is 22:00 where you are, or with date and zone: 2026-11-23T02:00+08:00. DURATION is like 45s, 90m, 1h30m, 2d.
help-checks = CHECK is one of { $checks }.
help-ways = In threads, where slash commands do not work, mention the bot instead ({ $mention }), or choose “Switch over a database” in the menu of a message. { $command } alone leads to a form; so does the shortcut “New switchover”.

misunderstood-understood = Understood: { $understood }
misunderstood-nearest = Nearest command: { $nearest }
misunderstood-example = For example: { $nearest }
misunderstood-help = All commands: { $nearest }
misunderstood-nothing-done = Nothing was done.
name-first = A request begins with the name of a database ({ $value }), not with “{ $word }”.
missing-value = “{ $word }” needs a value: { $value }
missing-id = “{ $word }” needs the id of an operation; “status” shows those that are under way.
empty-name = The name is empty; needed: { $value }
duplicate-clause = “{ $word }” is there twice; say it once.
unknown-word = “{ $text }” is not understood.
on-the-card = “{ $word }” is not a command. To approve, reject or review, press the button on the operation's card.
mention-in-name = “{ $text }” is a mention; type a name instead.
quote-not-closed = The quotes in “{ $text }” are not closed.
not-an-id = “{ $text }” is not an operation id; they look like SW-7K3M9Q.
text-too-long = The text is longer than { $most } characters.
missing-clause = “{ $word }” needs “{ $clause }”.
either-clause = “{ $word }” and “{ $other }” both say when it starts; use one of them.
clause-elsewhere = “{ $word }” does not go with this command.
not-a-clock = There is no “{ $text }” on the clock: hours go from 0 to 23, minutes from 00 to 59. Write 22:00, or date, time and zone like 2026-11-23T02:00+08:00 or 2026-11-22T18:00Z.
not-a-time = “{ $text }” is not a time; write 22:00, or date, time and zone like 2026-11-23T02:00+08:00 or 2026-11-22T18:00Z.
time-without-zone = “{ $text }” has no time zone; add it, like 2026-11-23T02:00+08:00 or 2026-11-22T18:00Z.
not-a-duration = “{ $text }” is not a length of time; write it like 45s, 90m, 1h30m or 2d, at most { $days } days.
not-a-page = “{ $text }” is not a page number; write it like “page 2”.
not-overridable = “{ $asked }” is not a check that can be overridden{ GIVEN($nearest) ->
    [yes] ; did you mean { $nearest }? All that can be: { $known }
   *[no] ; those are: { $known }
 }
