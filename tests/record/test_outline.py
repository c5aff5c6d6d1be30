"""An outline is a record in short."""

from __future__ import annotations

import msgspec

from sagellm_benchmark.record.outline import Outline
from sagellm_benchmark.record.record import RequestRecord


def test_every_field_is_a_records():
    """Each field has the name, the name on disk, the default and the necessity of the record's."""
    records = {field.name: field for field in msgspec.structs.fields(RequestRecord)}
    for field in msgspec.structs.fields(Outline):
        whole = records[field.name]
        assert field.encode_name == whole.encode_name
        assert field.required == whole.required
        if field.name != "flags":  # a tuple here, which the collector need not look at
            assert (field.default, field.type) == (whole.default, whole.type)
