"""Your own tasks, every token measured: locust -f own_tasks.py --host URL --model M -u 8 -t 1m."""

from __future__ import annotations

from locust import between, task

from sagellm_benchmark.users import GatewayUser


class Chat(GatewayUser):
    """Asks, reads the whole answer, thinks, asks again."""

    wait_time = between(0.5, 1.5)

    @task
    def ask(self) -> None:
        """One question; an answer without words counts as failed."""
        messages = [{"role": "user", "content": "Name three rivers."}]
        with self.gateway.chat(messages, name="ask", max_tokens=32) as out:
            if not out.text.strip():
                out.fail("empty answer")
