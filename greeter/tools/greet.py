"""Greet a person, slowly: the smallest complete tool. Copy this file to add your own."""

import time

from wtforms import Form, IntegerField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange

from greeter.toolkit import Job, SoftTimeLimitExceeded, tool


class GreetForm(Form):
    """The person to greet and the number of steps."""

    person = StringField("Who should be greeted?", [DataRequired(), Length(max=80)])
    total = IntegerField("Number of steps (half a second each)", [InputRequired(), NumberRange(1, 10_000)], default=20)


@tool("Greeting", form=GreetForm, action="Greet", example={"person": "Ada Lovelace", "total": 10}, duration="seconds")
def expensive_greet(job: Job, person: str, total: int) -> dict[str, str]:
    """Greet a person after a number of slow steps."""
    try:
        for _ in job.track(range(total), unit="step"):
            time.sleep(0.5)
        return {"greeting": f"Greetings, {person}!"}
    except SoftTimeLimitExceeded:
        return job.fallback({"greeting": "Greetings, fallback!"})
