"""The broken engines. What each breaks is a sentence; a test and the page "how the promise is tested" name them."""

from tests.simulation.mutants import Mutant

_AGAIN = 'Judged(judge_stop("attempt", attempt.slot.tool, 1.0), transient=True)'

MUTANTS = (
    # --- the slots ---
    Mutant(
        "a late result overwrites the one that was given",
        "turn.supervise:Supervisor.attempt_ended",
        "if not slot.sealed:",
        "if slot.sealed:\n        self.collector.results[slot.call.position] = None\n    if True:",
    ),
    Mutant(
        "a slot per id, not per position",
        "turn.collector:Collector._write",
        "self.results[position] = result",
        "self.results[min(c.position for c in self._calls if c.sent_id == self._calls[position].sent_id)] = result",
    ),
    Mutant(
        "a repeated call gets no result",
        "turn.collector:Collector._write",
        "self._echoes.get(position, ())",
        "()",
    ),
    Mutant(
        "the value is sent as long as it is",
        "turn.collector:_encoded",
        "encode_value(value, max_bytes",
        "encode_value(value, max_bytes * 1000",
    ),
    Mutant(
        "an explanation that fails leaves the turn",
        "turn.collector:explained",
        "except BaseException as error:",
        "except ZeroDivisionError as error:",
    ),
    Mutant(
        "an observer that fails leaves the turn",
        "turn.emit:Emitter._send",
        "except BaseException as error:",
        "except Exception as error:",
    ),
    # --- calls that are begun at once ---
    Mutant(
        "calls that are begun at once share one context",
        "turn.straight:FirstTry.__init__",
        "self.context = contextvars.copy_context()",
        "self.context = way._context",
    ),
    Mutant(
        "a call that is over at once is not counted as an attempt",
        "turn.straight:FirstTry._seal",
        "attempts=1",
        "attempts=0",
    ),
    Mutant(
        "a call that is over at once is given the value of none",
        "turn.straight:FirstTry._seal",
        "        value,",
        "        None,",
    ),
    Mutant(
        "what a call over at once returned is not bounded",
        "turn.straight:FirstTry._seal",
        "max_bytes=tool.max_result_bytes",
        "max_bytes=10**9",
    ),
    Mutant(
        "a call that fails at once is sealed as one that returned",
        "turn.straight:FirstTry.report",
        "and type(end) is Returned",
        "",
    ),
    Mutant(
        "a call that is begun at once has no deadline when it waits",
        "turn.supervise:Supervisor.adopt",
        "self.deadlines.start_clock(attempt, started)",
        "pass",
    ),
    Mutant(
        "a call that is begun at once, and waits, is not counted as an attempt",
        "turn.supervise:Supervisor.adopt",
        "slot.attempts = 1",
        "slot.attempts = 0",
    ),
    Mutant(
        "a call that is begun at once has nothing around it to be cancelled by when it waits",
        "turn.stop.scopes:Scopes.enter_around",
        "if innermost is None:",
        "if innermost is None:\n        return\n    if False:",
    ),
    # --- what a tool raises ---
    Mutant(
        "only an Exception counts as what a tool raised",
        "turn.stop.root:RootTask.body",
        "except BaseException as error:",
        "except Exception as error:",
    ),
    Mutant(
        "a scope that a tool left open ends its report",
        "turn.stop.root:RootTask.leaves_open",
        "except BaseException as error:",
        "except ZeroDivisionError as error:",
    ),
    Mutant(
        "a fault of the tool's exception reaches its siblings' context",
        "turn.supervise:Supervisor._start",
        "self.host_context.copy()",
        "self.host_context",
    ),
    # --- cancelling from outside ---
    Mutant(
        "no shield while the calls are stopped",
        "turn.supervise:Supervisor.run",
        "shield=True",
        "shield=False",
    ),
    Mutant(
        "the cancellation from outside is swallowed",
        "turn.supervise:Supervisor.run",
        'self._seal_rest("cancelled")\n        raise',
        'self._seal_rest("cancelled")',
    ),
    Mutant(
        "a second cancellation leaves calls without a result",
        "turn.supervise:Supervisor.run",
        'finally:\n            self._seal_rest("cancelled")',
        "finally:\n            pass",
    ),
    Mutant(
        "a turn that was cancelled before it ran begins",
        "turn.supervise:Supervisor.run",
        "if self.resources.backend.is_cancelled():",
        "if False:",
    ),
    Mutant(
        "the button pressed before the turn ran is forgotten",
        "turn.turn:Turn._begin",
        "if self._cancelled is not None:",
        "if False:",
    ),
    Mutant(
        "the button does nothing",
        "turn.turn:Turn.cancel",
        "if self._driver is not None and self._post is not None:",
        "if False:",
    ),
    Mutant(
        "who waits for a place is not answered when the turn is stopped",
        "turn.supervise:Supervisor.stop",
        "if slot.attempt is None:",
        "if slot.attempt is None and slot.waiter is not None:\n            continue\n        if slot.attempt is None:",
    ),
    Mutant(
        "code is entered after its attempt was stopped",
        "turn.attempts:Attempt.enter",
        "entering:\n            if self.stop_code is not None:",
        "entering:\n            if False:",
    ),
    # --- time ---
    Mutant(
        "an attempt has no deadline",
        "turn.deadlines:Deadlines.watch",
        "if attempt.deadline < self.turn:",
        "if False:",
    ),
    Mutant(
        "the time of the whole call is not kept",
        "turn.deadlines:Deadlines.start_clock",
        "if own <= slot.deadline:",
        "if True:",
    ),
    Mutant(
        "the turn's own time is not kept",
        "turn.supervise:Supervisor.start_clock",
        'self._timers.at(self.deadlines.turn, self.stop, "turn")',
        "pass",
    ),
    Mutant(
        "a tool that refuses is waited for",
        "turn.supervise:Supervisor._grace_over",
        "if not attempt.ended and not attempt.slot.sealed:",
        "if False:",
    ),
    Mutant(
        "a stopped tool gets no grace",
        "turn.supervise:Supervisor._stop_attempt",
        "self._timers.at(self._now() + attempt.slot.grace, self._grace_over, attempt)",
        "self._abandon(attempt)",
    ),
    Mutant(
        "a place is waited for without end",
        "turn.admission:Admission._timed_out",
        "if slot.waiter is not waiter or slot.sealed:",
        "if True:",
    ),
    Mutant(
        "a value that comes in the grace is thrown away",
        "turn.supervise:Supervisor.attempt_ended",
        "if isinstance(end, Returned):",
        "if isinstance(end, Returned) and attempt.stop_code is None:",
    ),
    # --- trying again ---
    Mutant(
        "the next attempt starts beside the one that refuses to end",
        "turn.supervise:Supervisor._grace_over",
        "self._abandon(attempt)",
        f"self._attempt_failed(attempt.slot, attempt, {_AGAIN})",
    ),
    Mutant(
        "what is not safe to repeat is repeated",
        "turn.retry:delay_before_next",
        "if not allowed:",
        "if False:",
    ),
    Mutant(
        "whatever was raised counts as transient",
        "turn.retry:delay_before_next",
        "if policy is None or not failed.transient:",
        "if policy is None:",
    ),
    Mutant(
        "one attempt too many",
        "turn.retry:delay_before_next",
        "tenacity.stop_after_attempt(policy.attempts)",
        "tenacity.stop_after_attempt(policy.attempts + 1)",
    ),
    Mutant(
        "Retry-After is not kept",
        "turn.retry:delay_before_next",
        "delay = max(delay, failed.retry_after)",
        "pass",
    ),
    Mutant(
        "the arguments of the first attempt are used again",
        "turn.supervise:Supervisor._start",
        "slot.tool.bind(slot.text)",
        "slot.first_bound",
    ),
    Mutant(
        "each attempt has an idempotency key of its own",
        "turn.attempts:idempotency_key",
        "facts = ",
        "import random; turn_key = random.random(); facts = ",
    ),
    # --- effect ---
    Mutant(
        "nothing has happened whenever a call was stopped",
        "turn.judge:judge_stop",
        'effect: Effect = "none" if tool.read_only else "unknown"',
        'effect: Effect = "none"',
    ),
    Mutant(
        "nothing has happened when a second attempt finds no thread",
        "turn.supervise:Supervisor._settle_or_retry",
        "slot.failed or no_thread",
        "no_thread",
    ),
    # --- limits ---
    Mutant(
        "a full gate lets everybody pass",
        "turn.gates:pass_or_wait",
        "if blocked is None:",
        "if True:",
    ),
    Mutant(
        "an abandoned call gives its place back while it runs",
        "turn.supervise:Supervisor._abandon",
        "attempt.abandoned = True",
        "attempt.abandoned = True; give_back(attempt.slot)",
    ),
    Mutant(
        "whoever leaves lets nobody in",
        "turn.gates:leave",
        "admit(gate)",
        "pass",
    ),
    Mutant(
        "a place is never given back",
        "turn.admission:give_back",
        "if slot.holds_places:",
        "if False:",
    ),
    Mutant(
        "new calls start above the cap on abandoned ones",
        "turn.abandoned:Abandoned.refusal",
        "if len(self._kill_at) >= self._limits.abandoned:",
        "if False:",
    ),
    Mutant(
        "new calls of one tool start above its cap",
        "turn.abandoned:Abandoned.refusal",
        "if self._per_tool[tool_name] >= self._limits.abandoned_per_tool:",
        "if False:",
    ),
    # --- what is left behind ---
    Mutant(
        "an abandoned call is not counted",
        "turn.supervise:Supervisor._abandon",
        "self.resources.abandoned.add(attempt)",
        "pass",
    ),
    Mutant(
        "abandoning is not told",
        "turn.supervise:Supervisor._abandon",
        "self.emit.call(CallAbandoned",
        "(lambda *_, **__: None)(CallAbandoned",
    ),
    Mutant(
        "abandoned calls are never killed",
        "turn.stop.on_asyncio:_AsyncioRootTask.kill",
        "self._force = True",
        "return",
    ),
    Mutant(
        "the watch over abandoned calls sleeps on when none is left",
        "turn.abandoned:Abandoned._watch",
        "await self._until_none()",
        "await anyio.sleep(1e3)",
    ),
    Mutant(
        "a runtime forgets to stop its turns when it closes",
        "runtime:ToolRuntime.__aexit__",
        'turn.cancel("the runtime is closing")',
        "pass",
    ),
    Mutant(
        "what is due later keeps a finished turn alive",
        "turn.supervise:Supervisor.run",
        "self._timers.clear()",
        "pass",
    ),
    Mutant(
        "the frames of a failed tool stay with its exception",
        "turn.attempts:Attempt.report",
        "end.error.__traceback__ = None",
        "pass",
    ),
    Mutant(
        "progress from a thread is lost",
        "turn.attempts:Attempt._progress",
        "supervisor.resources.backend.post(tell)",
        "pass",
    ),
    # --- policies ---
    Mutant(
        "a reader does not wait for a writer",
        "turn.schedule:Order._wait",
        "path[-1].writers_within.before(node)",
        "pass",
    ),
    Mutant(
        "a writer does not wait for who is above it",
        "turn.schedule:Order._wait",
        "branch.writers.before(node)",
        "pass",
    ),
    Mutant(
        "a call that is settled early lets its successor overtake",
        "turn.schedule:Node.settle",
        "done = [self] if self.free else []",
        "done = [self]",
    ),
    Mutant(
        "an exclusive call waits for nobody",
        "turn.schedule:Order.add",
        "self._since_barrier.before(node)",
        "pass",
    ),
    Mutant(
        "keys do not count across turns",
        "turn.clearance:Clearance._enter_runtime",
        "self._resources.order.add(node, footprint)",
        "pass",
    ),
    Mutant(
        "a failed predecessor does not matter to who says that it does",
        "turn.clearance:Clearance._let_go",
        "held.in_turn.any_failed and _skips(slot)",
        "False",
    ),
    Mutant(
        "whatever an approver says is a yes",
        "turn.consent:judge_decision",
        'return rejected("denied", "The call was denied: no valid decision was made.")',
        "return Go(text, bound, None, changed=False)",
    ),
    Mutant(
        "an approver that hangs is waited for",
        "turn.clearance:Clearance._ask",
        "if limit is not None:",
        "if False:",
    ),
    Mutant(
        "a yes holds for any arguments",
        "turn.consent:judge_decision",
        "case Approve(digest=str(shown)) if shown != digest_of(tool.name, text):",
        "case Approve(digest=str(shown)) if False:",
    ),
    Mutant(
        "a limited rate uses nothing up",
        "turn.gates:RateGate.take",
        "self._saved = max(0.0, self.saved - 1)",
        "pass",
    ),
    Mutant(
        "progress does not move the time of silence",
        "turn.deadlines:Deadlines.progressed",
        "if attempt.idle_at != NEVER:",
        "if False:",
    ),
    Mutant(
        "an attempt that falls silent is not stopped",
        "turn.deadlines:Deadlines._stays_silent",
        "if self._is_silent(attempt):",
        "if False:",
    ),
    Mutant(
        "what was decided afterwards can be decided again",
        "turn.resumption:require_undecided",
        "for call_id in wanted & decided:",
        "for call_id in ():",
    ),
    Mutant(
        "a repeated call does not follow its first when the turn goes on",
        "turn.resumption:resumed_plans",
        "taken_up.add(position)",
        "pass",
    ),
    Mutant(
        "what was denied afterwards is run",
        "turn.resumption:_decided",
        "judge_decision(decision,",
        "judge_decision(Approve(),",
    ),
    Mutant(
        "what had its result has another when the turn goes on",
        "turn.collector:Collector.keep",
        "self._write(position, result)",
        "self._write(position, replace(result))",
    ),
)
