"""`POST /api/v1/alerts`: what Alertmanager sends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from exporter.actions.healer import Notification
from exporter.web.messages import AlertAnswer, AlertAnswers, Webhook

if TYPE_CHECKING:
    from exporter.actions.healer import Answer, Healer
    from exporter.web.openapi import Call


async def receive_alerts(healer: Healer, call: Call) -> AlertAnswers:
    """Begin what some alerts ask for, and answer before it is done.

    Raises:
        EngineError: The engine cannot be asked. Alertmanager sends again what is answered with a
            status of 500 and above, and nothing else.
    """
    body: Webhook = call.body
    received_at = datetime.now(UTC)
    notification = Notification(
        alerts=body.alerts,
        group_key=body.group_key,
        address=call.address,
        token_name=call.holder.name if call.holder else "",
        received_at=received_at,
    )
    answers = await run_in_threadpool(healer.receive, notification)
    return AlertAnswers(received_at=received_at, alerts=[_answer(one) for one in answers])


def _answer(answer: Answer) -> AlertAnswer:
    record = answer.record
    return AlertAnswer(
        fingerprint=answer.alert.fingerprint,
        request_id=answer.request_id,
        outcome="accepted" if record is None else record.outcome.value,
        reason=None if record is None else record.reason,
        detail="" if record is None else record.detail,
    )
