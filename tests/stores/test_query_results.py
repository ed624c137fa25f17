"""Answers as plain values and as bytes."""

import datetime
import json
from decimal import Decimal

import pyarrow as pa

from assay.stores import query_results


def test_a_sum_is_a_number_whichever_type_the_database_gave_it() -> None:
    sums = pa.table(
        {"all": pa.array([Decimal(360)], pa.decimal128(38, 0)), "half": pa.array([Decimal("0.5")], pa.decimal128(2, 1))}
    )
    assert json.dumps(query_results.to_json_rows(sums)) == '[{"all": 360, "half": 0.5}]'


def test_a_sum_beyond_double_precision_keeps_every_digit() -> None:
    (row,) = query_results.to_json_rows(pa.table({"all": pa.array([Decimal(2**100)], pa.decimal128(38, 0))}))
    assert row == {"all": 2**100}


def test_numbers_inside_lists_and_structs_are_numbers_in_csv_too() -> None:
    nested = pa.table(
        {
            "n": pa.array([[Decimal("1.5")]], pa.list_(pa.decimal128(4, 1))),
            "at": pa.array([[datetime.date(2026, 11, 26)]]),
        }
    )
    assert query_results.encode_csv(nested).decode().splitlines() == ['"n","at"', '"[1.5]","[""2026-11-26""]"']


def test_columns_of_one_name_all_stay() -> None:
    twice = pa.table([pa.array([7]), pa.array([8])], names=["n", "n"])
    assert query_results.to_json_rows(twice) == [{"n": 7, "n_2": 8}]
    assert query_results.encode_csv(twice).decode().splitlines() == ['"n","n"', "7,8"]
