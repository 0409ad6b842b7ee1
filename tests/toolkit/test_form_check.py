"""Forms that cannot work are refused when their tool is loaded."""

from typing import Any

import pytest
import wtforms
from wtforms import FieldList, Form, FormField, IntegerField, StringField

from greeter.toolkit import FastaField, FileField, Job, tool
from greeter.toolkit.form_check import check_form


@pytest.mark.parametrize(
    ("name", "why"),
    [
        *(
            (name, "an attribute of wtforms.Form: " + name)
            for name in ("data", "meta", "process", "errors", "validate")
        ),
        ("populate_obj", "an attribute of wtforms.Form: populate_obj"),
        ("label", "the field for the name of the job, which each form has"),
        ("token", "the hidden field of each form, so that submitting it twice creates one job"),
        ("job", "the first parameter of the function"),
        ("self", "the first parameter of a method"),
        ("tool", "a parameter with which each tool is run"),
        ("help", "the option --help of `flask run-tool`"),
        ("_example", ""),
        ("with_example", "the option --with-example of `flask run-tool`"),
    ],
)
def test_a_name_that_is_taken_or_ignored_is_refused(name: str, why: str) -> None:
    """One line says which and why."""
    with pytest.raises(TypeError) as raised:
        check_form(type("MyForm", (Form,), {name: StringField()}))
    reason = f"its name is {why}" if why else "WTForms ignores names that start with _"
    assert str(raised.value) == f"MyForm.{name} cannot be a field, because {reason}. Rename it."


class SizeForm(Form):
    """A form for the inside of another one, without files."""

    size = IntegerField()


class TableForm(Form):
    """A form for the inside of another one, with a file."""

    size = IntegerField()
    table = FileField()


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        (FieldList(FileField()), "FieldList"),
        (FieldList(unbound_field=wtforms.MultipleFileField()), "FieldList"),
        (FieldList(FormField(TableForm)), "FieldList"),
        (FormField(TableForm), "FormField"),
        (FormField(form_class=type("Outer", (Form,), {"inner": FormField(TableForm)})), "FormField"),
        (FormField(type("Outer", (Form,), {"inner": FieldList(FastaField())})), "FormField"),
    ],
)
def test_a_file_field_inside_another_field_is_refused(field: Any, kind: str) -> None:
    """The file would be lost. Fields of other kinds may be there."""
    check_form(type("MyForm", (Form,), {"sizes": FieldList(FormField(SizeForm)), "size": FormField(SizeForm)}))
    with pytest.raises(TypeError) as raised:
        check_form(type("MyForm", (Form,), {"inner": field}))
    problem = f"MyForm.inner would lose the file that is inside its {kind}."
    assert str(raised.value) == f"{problem} Move the field for the file into MyForm."


@pytest.mark.parametrize(("kind", "ours"), [("FileField", "FileField"), ("MultipleFileField", "FilesField")])
def test_a_file_field_of_wtforms_is_refused(kind: str, ours: str) -> None:
    """The file would be lost."""
    form = type("MyForm", (Form,), {"table": getattr(wtforms, kind)()})
    with pytest.raises(TypeError) as raised:

        @tool("Takes a table", form=form)
        def load(job: Job, table: str) -> dict[str, str]:
            """Do nothing."""
            return {}

    assert str(raised.value) == f"MyForm.table would lose its file. Use the {ours} of greeter.toolkit instead."


def test_a_field_may_be_inherited_or_replaced() -> None:
    """Attributes of a form that are not fields have any name."""

    class Base(Form):
        size = IntegerField()
        upload = wtforms.FileField()
        name_of_data = "x"

    class Child(Base):
        upload = StringField()  # type: ignore[assignment]

    check_form(Child)
    with pytest.raises(TypeError, match=r"Base\.upload would lose"):
        check_form(Base)


def test_an_object_of_a_form_is_refused() -> None:
    """The form is a class."""
    with pytest.raises(TypeError, match=r"is a class, not one of its objects\. Write form=MyForm\."):
        check_form(type("MyForm", (Form,), {"word": StringField()})())


def test_a_text_is_no_list_of_suffixes() -> None:
    """Its letters would be accepted as endings."""
    with pytest.raises(TypeError, match=r"The suffixes cannot be the string '\.vcf'\. Write a list: \['\.vcf'\]\."):
        type("MyForm", (Form,), {"variants": FileField(suffixes=".vcf")})()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"suffixes": ["vcf"]}, ValueError, "The suffix 'vcf' has no dot. Write '.vcf'."),
        ({"suffixes": ".vcf"}, TypeError, "The suffixes cannot be the string '.vcf'. Write a list: ['.vcf']."),
        ({"max_bytes": "1 MB"}, TypeError, "max_bytes='1 MB' is of the wrong type. Use int | None."),
    ],
)
def test_wrong_arguments_of_a_field_for_files_are_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Otherwise, the browser would offer no file, or each upload fail."""

    class WithFile(Form):
        table = FileField("A table", **arguments)

    with pytest.raises(error) as raised:
        tool("Reads a table", form=WithFile)(lambda job, table: {})
    assert str(raised.value) == message
