"""Greets a person, slowly: the smallest complete tool. Copy this file to add your own."""

import time

from wtforms import Form, IntegerField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange

from greeter.toolkit import Job, SoftTimeLimitExceeded, tool


class GreetForm(Form):
    """Whom to greet, and how slowly."""

    person = StringField("Who should be greeted?", [DataRequired(), Length(max=80)])
    total = IntegerField("Steps of half a second", [InputRequired(), NumberRange(1, 10_000)], default=20)


@tool("Greeting", form=GreetForm, example={"person": "Ada Lovelace", "total": 10}, duration="10 seconds for 20 steps")
def expensive_greet(job: Job, person: str, total: int) -> dict[str, str]:
    """Greet a person after some steps of half a second."""
    try:
        for _ in job.track(range(total), unit="step"):
            time.sleep(0.5)
        return {"greeting": f"Greetings, {person}!"}
    except SoftTimeLimitExceeded:
        return job.fallback({"greeting": "Greetings, fallback!"})
