"""Relearned tables against ridge regression solved densely, and what their space must be."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from skembed.nn import _linearised as linearised
from skembed.nn import _parallel
from skembed.nn import _relearn as module
from skembed.nn._architecture import Architecture, place_codes, table_views
from skembed.nn._basis import sum_variations
from skembed.nn._losses import make_loss
from skembed.nn._network import Data, Network
from skembed.nn._relearn import find_bases, relearn
from skembed.nn._ridge import UNKNOWN
from skembed.nn._training import TrainingSettings, train

N_ROWS = 120


def linear(columns=(0,), n_codes=(7,), dims=(2,), n_outputs=2, hidden=(), activation="identity"):
    return Architecture(n_codes, dims, columns, 1, hidden, n_outputs, activation)


def some_codes(architecture, n=N_ROWS, seed=0):
    """Codes of which the unknown and the last of each column do not occur, and some are rare."""
    rng = np.random.default_rng(seed)
    columns = []
    for table in architecture.columns:
        present = np.arange(1, architecture.n_codes[table] - 1)
        columns.append(rng.choice(present, n, p=1 / present / (1 / present).sum()))
    return np.stack(columns, axis=1).astype(np.int32)


class Case:
    """A network of random float64 parameters, rows, and the bases found with them."""

    def __init__(self, architecture, loss="squared_error", weighted=False, n=N_ROWS, seed=0):
        rng = np.random.default_rng(seed)
        self.architecture = architecture
        self.network = Network(architecture, make_loss(loss))
        start = self.network.initial_parameters(rng, np.zeros(architecture.n_outputs), np.float64)
        self.parameters = {k: v + rng.normal(scale=0.5, size=v.shape) for k, v in start.items()}
        self.codes = some_codes(architecture, n, seed)
        shape = (n, architecture.n_outputs)
        y = {
            "multinomial_cross_entropy": rng.integers(0, architecture.n_outputs, n),
            "binary_cross_entropy": rng.integers(0, 2, shape).astype(float),
            "poisson": rng.poisson(2, shape).astype(float),
        }.get(loss, rng.normal(size=shape) + np.sin(self.codes[:, :1]))
        self.data = Data(
            place_codes(architecture, self.codes),
            rng.normal(size=(n, 1)),
            y,
            rng.uniform(0.2, 2, n) if weighted else None,
        )
        self.n_tables = len(architecture.n_codes)
        self.bases = self.find_bases()

    def find_bases(self, priors=None):
        counts = [20.0] * self.n_tables
        priors = [None] * self.n_tables if priors is None else priors
        return find_bases(self.network, self.parameters, self.data, self.codes, counts, priors)

    def from_the_mean(self):
        """The same bases with all starts at the mean."""
        return [replace(basis, start=np.zeros_like(basis.start)) for basis in self.bases]

    def relearn(self, pseudo_count=5.0, rows=slice(None), data=None, frozen=None, bases=None):
        return relearn(
            self.network,
            self.parameters,
            self.bases if bases is None else bases,
            (self.data if data is None else data).take(rows),
            self.codes[rows],
            [pseudo_count] * self.n_tables,
            [False] * self.n_tables if frozen is None else frozen,
        )


def ridge(case, pseudo_count, frozen=()):
    """Coordinates of all codes of a linear network, by one dense solve over all tables.

    A feature of row i and output k is, for each code, the slope of the output along each axis.
    """
    architecture = case.architecture
    weight, bias = case.network.dense.flat(case.parameters["dense"]).layers[0]
    slices = architecture.input_slices()
    n, n_outputs = case.data.y.shape
    starts = np.cumsum(
        [0]
        + [c * d for c, d in zip(architecture.n_codes, architecture.embedding_dims, strict=True)]
    )
    features = np.zeros((n, n_outputs, starts[-1]))
    offset = np.tile(bias, (n, 1)) + case.data.numeric @ weight[-1:]
    tables = table_views(architecture, case.parameters)
    for j, table in enumerate(architecture.columns):
        own, basis, codes = weight[slices[j]], case.bases[table], case.codes[:, j]
        offset += (tables[table][codes] if table in frozen else basis.origin[codes]) @ own
        width = architecture.embedding_dims[table]
        for i in range(n):
            first = starts[table] + codes[i] * width
            if table not in frozen:
                features[i, :, first : first + width] += (basis.axes @ own).T
    row_weight = np.ones(n) if case.data.weight is None else case.data.weight
    design = features.reshape(n * n_outputs, -1)
    residual = (case.data.y - offset).ravel()
    strength = np.repeat(row_weight, n_outputs) / n_outputs
    left = design.T @ (strength[:, None] * design) + np.eye(starts[-1]) * pseudo_count / n_outputs
    solution = np.linalg.solve(left, design.T @ (strength * residual))
    return [
        part.reshape(shape)
        for part, shape in zip(
            np.split(solution, starts[1:-1]),
            zip(architecture.n_codes, architecture.embedding_dims, strict=True),
            strict=True,
        )
    ]


def mean_loss(case, coordinates):
    """Mean of the loss over the rows, without a penalty."""
    moved = {name: value.copy() for name, value in case.parameters.items()}
    views = table_views(case.architecture, moved)
    for view, basis, place in zip(views, case.bases, coordinates, strict=True):
        view[...] = basis.origin + place @ basis.axes
    raw = case.network.raw_prediction(moved, case.data)
    return case.network.loss.rows(raw, case.data.y)[0].mean()


def seen(case, table):
    columns = [j for j, t in enumerate(case.architecture.columns) if t == table]
    return np.unique(case.codes[:, columns])


# Against ridge regression


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("pseudo_count", [0.1, 5.0, 100.0])
@pytest.mark.parametrize(("width", "n_outputs"), [(1, 1), (2, 2), (3, 1), (2, 3)])
def test_one_column_of_a_linear_network_is_ridge_regression(
    width, n_outputs, pseudo_count, weighted
):
    case = Case(linear(dims=(width,), n_outputs=n_outputs), weighted=weighted)
    expected = ridge(case, pseudo_count)[0]
    rows = seen(case, 0)
    found = case.relearn(pseudo_count)[0]
    np.testing.assert_allclose(found[rows], expected[rows], rtol=1e-8, atol=1e-10)


COUPLED = {
    "two tables": linear((0, 1), (6, 5), (2, 2)),
    "two widths": linear((0, 1), (6, 5), (2, 1)),
    "one table for two columns": linear((0, 0), (6,), (2,)),
    "shared and not": linear((0, 1, 0), (5, 4), (2, 2)),
}


def slow_to_agree(architecture):
    """Whether a table has several columns, linearised one by one, beside those of another one."""
    return 1 < len(set(architecture.columns)) < len(architecture.columns)


@pytest.mark.parametrize("architecture", COUPLED.values(), ids=COUPLED.keys())
@pytest.mark.parametrize("weighted", [False, True])
def test_several_columns_converge_to_the_joint_ridge_regression(
    architecture, weighted, monkeypatch
):
    monkeypatch.setattr(module, "N_STEPS", 30 if slow_to_agree(architecture) else 5)
    monkeypatch.setattr(module, "N_SWEEPS", 20)
    case = Case(architecture, weighted=weighted)
    for table, (found, expected) in enumerate(zip(case.relearn(), ridge(case, 5.0), strict=True)):
        rows = seen(case, table)
        np.testing.assert_allclose(found[rows], expected[rows], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("architecture", COUPLED.values(), ids=COUPLED.keys())
def test_the_few_steps_that_are_taken_come_near(architecture):
    case = Case(architecture)
    for table, (found, expected) in enumerate(zip(case.relearn(), ridge(case, 5.0), strict=True)):
        rows = seen(case, table)
        assert np.abs(found[rows] - expected[rows]).max() < 0.2 * np.abs(expected[rows]).max()


def test_columns_that_share_a_table_and_always_agree_do_not_overshoot():
    case = Case(linear((0, 0), (6,), (1,), n_outputs=1))
    codes = np.repeat(case.codes[:, :1], 2, axis=1)
    case.codes = codes
    case.data = replace(case.data, codes=place_codes(case.architecture, codes))
    case.bases = case.find_bases()
    found, expected, rows = case.relearn()[0], ridge(case, 5.0)[0], seen(case, 0)
    assert np.abs(found[rows] - expected[rows]).max() < 0.1 * np.abs(expected[rows]).max()


def test_a_vector_is_shrunken_as_by_so_many_rows_at_the_mean():
    case = Case(linear(dims=(1,), n_outputs=1))
    free, shrunken = case.relearn(0.0)[0], case.relearn(8.0)[0]
    counts = np.bincount(case.codes[:, 0], minlength=7)[:, None]
    rows = seen(case, 0)
    expected = free * counts / (counts + 8.0)
    np.testing.assert_allclose(shrunken[rows], expected[rows], rtol=1e-5)


def test_without_limit_to_the_shrinkage_all_vectors_are_the_mean():
    case = Case(linear((0, 1), (6, 5), (2, 2)))
    for table in case.relearn(1e12):
        np.testing.assert_allclose(table, 0, atol=1e-8)


@pytest.mark.parametrize("pseudo_count", [0.0, 1e-30])
def test_without_shrinkage_a_solution_is_still_found(pseudo_count):
    """Also for codes without rows, or with fewer rows than coordinates."""
    case = Case(linear(dims=(3,), n_outputs=1))
    found = case.relearn(pseudo_count)[0]
    assert np.isfinite(found).all()
    raw = residuals_of(case, found)
    means = [raw[case.codes[:, 0] == code].mean() for code in seen(case, 0)]
    np.testing.assert_allclose(means, 0, atol=1e-5)


def residuals_of(case, coordinates):
    """Target minus prediction of a case of one table at given coordinates."""
    moved = {name: value.copy() for name, value in case.parameters.items()}
    basis = case.bases[0]
    table_views(case.architecture, moved)[0][...] = basis.origin + coordinates @ basis.axes
    return (case.data.y - case.network.raw_prediction(moved, case.data))[:, 0]


# Unknown, unseen, frozen


@pytest.mark.parametrize("weighted", [False, True])
def test_the_unknown_code_learns_from_rare_categories(weighted):
    """Rows of each seen category count 1 / (1 + its count)."""
    case = Case(linear(), weighted=weighted)
    found = case.relearn()[0]
    codes = case.codes[:, 0]
    row_weight = np.ones(N_ROWS) if case.data.weight is None else case.data.weight
    counts = np.bincount(codes, row_weight, minlength=7)
    as_unknown = Case(linear(), weighted=weighted)
    as_unknown.data = replace(case.data, weight=row_weight / (1 + counts[codes]))
    as_unknown.codes = np.ones_like(case.codes)
    expected = ridge(as_unknown, 5.0)[0][1]
    np.testing.assert_allclose(found[UNKNOWN], expected, rtol=1e-8, atol=1e-10)


def test_a_code_without_rows_gets_the_unknown_vector():
    case = Case(linear((0, 1), (6, 5), (2, 3)))
    for found in case.relearn():
        np.testing.assert_array_equal(found[-1], found[UNKNOWN])
        assert (found[UNKNOWN] != 0).any()


def test_rows_that_are_unknown_themselves_count_in_full():
    case = Case(linear())
    case.codes[:30] = UNKNOWN
    case.data = replace(case.data, codes=place_codes(case.architecture, case.codes))
    with_them = case.relearn()[0][UNKNOWN]
    without = case.relearn(rows=np.arange(30, N_ROWS))[0][UNKNOWN]
    only_them = case.relearn(rows=np.arange(30))[0][UNKNOWN]
    # They are many and the others rare: the vector is nearly theirs alone.
    assert np.linalg.norm(with_them - only_them) < np.linalg.norm(with_them - without)


def test_codes_without_rows_do_not_change_the_others():
    """However many there are."""
    case = Case(linear(n_codes=(7,), hidden=(4,), activation="tanh"))
    expected = case.relearn(bases=case.from_the_mean())[0]
    many = replace(case.architecture, n_codes=(500,))
    case.network = Network(many, case.network.loss)
    table = np.zeros((500, 2))
    table[:7] = case.parameters["table_2"]
    case.parameters = {**case.parameters, "table_2": table}
    origin = np.tile(case.bases[0].origin[0], (500, 1))
    bases = [replace(case.bases[0], origin=origin, start=np.zeros((500, 2)))]
    found = case.relearn(bases=bases)[0]
    np.testing.assert_allclose(found[:7], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("frozen", [0, 1])
def test_frozen_tables_stay_and_the_others_learn_around_them(frozen):
    case = Case(linear((0, 1), (6, 5), (2, 2)))
    before = {name: value.copy() for name, value in case.parameters.items()}
    found = case.relearn(frozen=[table == frozen for table in range(2)])
    for name, value in before.items():
        np.testing.assert_array_equal(case.parameters[name], value)
    other = 1 - frozen
    rows = seen(case, other)
    expected = ridge(case, 5.0, frozen=(frozen,))[other]
    np.testing.assert_allclose(found[other][rows], expected[rows], rtol=1e-8, atol=1e-10)


def test_nothing_that_is_given_is_changed():
    case = Case(linear((0, 1), (6, 5), (2, 2), hidden=(4,), activation="silu"), weighted=True)
    bases = case.find_bases()
    parameters = {name: value.copy() for name, value in case.parameters.items()}
    for basis in case.relearn():
        basis += 1
    for name, value in parameters.items():
        np.testing.assert_array_equal(case.parameters[name], value)
    for basis, other in zip(bases, case.bases, strict=True):
        for part in ("origin", "axes", "start"):
            np.testing.assert_array_equal(getattr(basis, part), getattr(other, part))


# Parts of the rows


NONLINEAR = linear((0, 1), (6, 5), (2, 2), hidden=(5,), activation="silu")


def test_all_rows_give_the_same_again():
    case = Case(NONLINEAR)
    order = np.arange(N_ROWS)
    for first, second in zip(case.relearn(), case.relearn(rows=order), strict=True):
        np.testing.assert_array_equal(first, second)


def test_rows_left_out_teach_nothing_and_the_other_codes_keep_their_vectors():
    case = Case(linear())
    rare = seen(case, 0)[-1]
    others = np.flatnonzero(case.codes[:, 0] != rare)
    assert 0 < N_ROWS - len(others) < 20
    part, whole = case.relearn(rows=others)[0], case.relearn()[0]
    rows = np.setdiff1d(seen(case, 0), rare)
    np.testing.assert_allclose(part[rows], whole[rows], rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(part[rare], part[UNKNOWN])
    # The targets of the rows left out play no part.
    changed = case.data.y.copy()
    changed[case.codes[:, 0] == rare] = 1e6
    again = case.relearn(rows=others, data=replace(case.data, y=changed))[0]
    np.testing.assert_array_equal(again, part)


def test_parts_of_the_rows_live_in_the_space_of_all():
    """Halves of many rows give vectors that are nearly those of all, without any alignment."""
    case = Case(NONLINEAR, n=4000)
    whole = case.relearn()
    for half in (np.arange(0, 4000, 2), np.arange(1, 4000, 2)):
        for table, part in enumerate(case.relearn(rows=half)):
            frequent = seen(case, table)[:2]
            distance = np.linalg.norm(part[frequent] - whole[table][frequent], axis=1)
            size = np.linalg.norm(whole[table][frequent], axis=1)
            assert (distance < 0.3 * size.max()).all()


@pytest.mark.parametrize("loss", ["squared_error", "multinomial_cross_entropy", "poisson"])
def test_weights_equal_repetition(loss):
    case = Case(replace(NONLINEAR, n_outputs=3), loss)
    times = np.random.default_rng(1).integers(0, 4, N_ROWS)
    weighted = case.relearn(data=replace(case.data, weight=times.astype(float)))
    repeated = case.relearn(rows=np.repeat(np.arange(N_ROWS), times))
    for first, second in zip(weighted, repeated, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-7, atol=1e-9)


def test_rows_whose_weight_is_next_to_nothing_are_as_good_as_left_out():
    case = Case(NONLINEAR)
    weight = np.ones(N_ROWS)
    weight[100:] = 1e-300
    weighted = case.relearn(data=replace(case.data, weight=weight))
    expected = case.relearn(rows=np.arange(100))
    for table, (first, second) in enumerate(zip(weighted, expected, strict=True)):
        rows = np.unique(case.codes[:100, table])
        np.testing.assert_allclose(first[rows], second[rows], rtol=1e-9, atol=1e-12)
        assert np.isfinite(first).all()


@pytest.mark.parametrize("n_lacking", [1, 2])
def test_a_part_may_lack_the_last_classes(n_lacking):
    case = Case(replace(NONLINEAR, n_outputs=4), "multinomial_cross_entropy")
    rows = np.flatnonzero(case.data.y < 4 - n_lacking)
    for table in case.relearn(rows=rows):
        assert np.isfinite(table).all()


# As much in memory as there is room for


@pytest.mark.parametrize("architecture", [NONLINEAR, *COUPLED.values()])
@pytest.mark.parametrize("loss", ["squared_error", "multinomial_cross_entropy"])
def test_slopes_that_are_made_again_give_the_vectors_of_those_that_are_kept(
    architecture, loss, monkeypatch
):
    case = Case(replace(architecture, n_outputs=3), loss, weighted=True)
    bases = case.from_the_mean()
    kept = case.relearn(bases=bases)
    monkeypatch.setattr(linearised, "_ROOM", 0)
    monkeypatch.setattr(linearised, "_ROOM_OF_CODES", 0)
    for again, expected in zip(case.relearn(bases=bases), kept, strict=True):
        # They are kept in half precision.
        assert 0 < np.abs(again - expected).max() < 2e-3 * np.abs(expected).max()


def test_halves_of_the_rows_add_up_to_all(monkeypatch):
    case = Case(NONLINEAR, weighted=True)
    whole = case.relearn()
    monkeypatch.setattr(_parallel, "_FEW_ROWS", 10)
    for halves, expected in zip(case.relearn(), whole, strict=True):
        np.testing.assert_allclose(halves, expected, rtol=1e-9, atol=1e-12)


# Of many rows, parts at equal distances are enough


def test_parts_of_many_rows_stand_for_all(monkeypatch):
    """Parts of which every other repeats the one before give exactly what all of them give."""
    case = Case(NONLINEAR, weighted=True, n=120)
    monkeypatch.setattr(module, "_PART", 20)
    monkeypatch.setattr(linearised, "_NETWORK_PART", 20)
    doubled = np.concatenate([np.tile(np.arange(k, k + 20), 2) for k in range(0, 120, 20)])
    network, parameters, data = case.network, case.parameters, case.data.take(doubled)
    loss = module.sum_of_losses(network, parameters, data)
    variations = sum_variations(network, parameters, data)
    monkeypatch.setattr(linearised, "_ENOUGH_ROWS", 120)
    np.testing.assert_allclose(module.sum_of_losses(network, parameters, data), loss, rtol=1e-12)
    for found, expected in zip(sum_variations(network, parameters, data), variations, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10)


def enough_rows(monkeypatch, n_rows, size_of_part):
    monkeypatch.setattr(module, "_PART", size_of_part)
    monkeypatch.setattr(linearised, "_NETWORK_PART", size_of_part)
    monkeypatch.setattr(linearised, "_ENOUGH_ROWS", n_rows)


@pytest.mark.parametrize("architecture", COUPLED.values(), ids=COUPLED.keys())
@pytest.mark.parametrize("weighted", [False, True])
def test_wherever_some_rows_lead_the_end_is_that_of_all(architecture, weighted, monkeypatch):
    """In a linear network the ridge regression of all rows, with all sweeps."""
    case = Case(architecture, weighted=weighted)
    enough_rows(monkeypatch, n_rows=60, size_of_part=20)
    monkeypatch.setattr(module, "N_SWEEPS", 300 if slow_to_agree(architecture) else 80)
    monkeypatch.setattr(module, "_STEP_SHARES", (1.0,))
    for table, (found, expected) in enumerate(zip(case.relearn(), ridge(case, 5.0), strict=True)):
        rows = seen(case, table)
        np.testing.assert_allclose(found[rows], expected[rows], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("n_rows", "every"), [(1000, 2), (1015, 3), (5, 2), (10_000, 10)])
def test_rows_for_the_first_step_lie_apart_and_do_not_judge_it(n_rows, every, monkeypatch):
    monkeypatch.setattr(module, "_PART", 20)
    rows = module.first_rows(n_rows, every)
    judging = [np.r_[part] for part in _parallel.slices(slice(0, n_rows), 20, every)]
    assert not np.isin(rows, np.concatenate(judging)).any()
    assert (np.diff(rows) % (2 * every) == 0).all()
    assert len(rows) == pytest.approx(n_rows * (every - 1) / every**2 / 2, abs=20)


def test_the_first_step_leaves_codes_of_no_such_row_where_they_were(monkeypatch):
    case = Case(NONLINEAR, n=400)
    # Of the last present code of column 0, rows of the judging parts alone.
    rows = np.arange(400)
    last = case.codes[:, 0].max()
    case.codes[(case.codes[:, 0] == last) & (rows // 20 % 4 != 0), 0] = 1
    case.data = replace(case.data, codes=place_codes(case.architecture, case.codes))
    enough_rows(monkeypatch, n_rows=100, size_of_part=20)
    monkeypatch.setattr(module, "N_STEPS", 1)
    bases = [replace(basis, start=np.full_like(basis.start, 0.1)) for basis in case.bases]
    found = case.relearn(bases=bases)[0]
    np.testing.assert_array_equal(found[last], 0.1)
    assert (found[1] != 0.1).all()


@cache
def many_codes(ordered, seed):
    """200 codes of 20 rows: the case, bases that start at the mean, the loss there, and by how much
    all rows lower it.
    """
    case = Case(replace(NONLINEAR, n_codes=(203, 5)), n=4000, seed=seed)
    case.codes[:, 0] = np.random.default_rng(seed).integers(1, 202, 4000)
    if ordered:
        case.codes = case.codes[np.argsort(case.codes[:, 0])]
    case.data = replace(case.data, codes=place_codes(case.architecture, case.codes))
    case.bases = case.find_bases()
    bases = case.from_the_mean()
    start = mean_loss(case, [basis.start for basis in bases])
    return case, bases, start, start - mean_loss(case, case.relearn(bases=bases))


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize(("enough", "least"), [(1000, 0.9), (400, 0.87)])
def test_many_codes_of_few_rows_are_learned_as_well(enough, least, ordered, monkeypatch):
    """Of the 20 rows of a code the first step knows two, or one."""
    shares = []
    for seed in range(10):
        case, bases, start, of_all = many_codes(ordered, seed)
        with monkeypatch.context() as patched:
            enough_rows(patched, n_rows=enough, size_of_part=20)
            shares.append((start - mean_loss(case, case.relearn(bases=bases))) / of_all)
    assert np.mean(shares) > 0.97
    assert np.min(shares) > least


def test_parts_of_many_rows_tell_the_axes(monkeypatch):
    case = Case(NONLINEAR, n=4000)
    expected = [basis.axes for basis in case.bases]
    enough_rows(monkeypatch, n_rows=2000, size_of_part=50)
    for found, own in zip(case.find_bases(), expected, strict=True):
        assert 0 < np.abs(found.axes - own).max() < 0.1 * np.abs(own).max()


def test_some_rows_for_the_first_step_explain_nearly_as_much(monkeypatch):
    """And far more than a step over all rows without them."""
    case = Case(NONLINEAR, n=4000, seed=2)
    bases = case.from_the_mean()
    start = mean_loss(case, [basis.start for basis in bases])
    of_all = start - mean_loss(case, case.relearn(bases=bases))
    with monkeypatch.context() as patched:
        patched.setattr(module, "N_STEPS", 1)
        of_one = start - mean_loss(case, case.relearn(bases=bases))
    enough_rows(monkeypatch, n_rows=2000, size_of_part=50)
    of_parts = start - mean_loss(case, case.relearn(bases=bases))
    assert of_parts > 0.95 * of_all > 1.5 * of_one > 0


# Towards the optimum of any loss


SMOOTH = ["squared_error", "poisson", "binary_cross_entropy", "multinomial_cross_entropy"]


@pytest.mark.parametrize("loss", SMOOTH)
@pytest.mark.parametrize("columns", [(0, 1), (0, 0)])
def test_many_steps_end_where_the_penalised_loss_is_flat(loss, columns, monkeypatch):
    """Its slopes found by differences of the loss, which knows nothing of curvatures."""
    monkeypatch.setattr(module, "N_STEPS", 50)
    monkeypatch.setattr(module, "N_SWEEPS", 5)
    n_codes = (5, 4) if columns == (0, 1) else (5,)
    dims = (2,) * len(n_codes)
    case = Case(linear(columns, n_codes, dims, 2, (3,), "tanh"), loss, weighted=True, n=60)
    found = case.relearn(bases=case.from_the_mean())
    row_weight, tables = case.data.weight, range(case.n_tables)
    constant = case.network.loss.baseline(case.data.y, row_weight, 2)
    unit = case.network.loss.curvature(constant[None, :]).mean()

    def objective(coordinates):
        moved = {name: value.copy() for name, value in case.parameters.items()}
        views = table_views(case.architecture, moved)
        for view, basis, place in zip(views, case.bases, coordinates, strict=True):
            view[...] = basis.origin + place @ basis.axes
        raw = case.network.raw_prediction(moved, case.data)
        losses = case.network.loss.rows(raw, case.data.y)[0]
        squares = sum((coordinates[t][seen(case, t)] ** 2).sum() for t in tables)
        return losses @ row_weight + 0.5 * 5.0 * unit * squares

    step, largest = 1e-5, 0.0
    for table in tables:
        for place in np.ndindex(found[table].shape):
            if place[0] in seen(case, table):
                sides = []
                for sign in (1, -1):
                    moved = [coordinates.copy() for coordinates in found]
                    moved[table][place] += sign * step
                    sides.append(objective(moved))
                largest = max(largest, abs(sides[0] - sides[1]) / (2 * step))
    assert largest < 1e-4 * len(case.data)
    assert objective(found) < objective([np.zeros_like(c) for c in found])


@pytest.mark.parametrize("loss", [*SMOOTH, "absolute_error", "huber", "quantile"])
@pytest.mark.parametrize("activation", ["silu", "relu", "logistic"])
def test_learning_lowers_every_loss(loss, activation):
    architecture = replace(NONLINEAR, activation=activation, n_outputs=2)
    case = Case(architecture, loss)
    zeros = [np.zeros_like(basis.start) for basis in case.bases]
    assert mean_loss(case, case.relearn(bases=case.from_the_mean())) < mean_loss(case, zeros)


# The space


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "architecture",
    [
        replace(NONLINEAR, embedding_dims=(3, 2)),
        linear((0, 0), (6,), (3,), hidden=(5,), activation="silu"),
        linear((0, 1, 0), (6, 5), (2, 2), 3, (5,), "tanh"),
    ],
    ids=["two tables", "one shared table", "shared and not"],
)
@pytest.mark.parametrize("loss", ["squared_error", "binary_cross_entropy"])
def test_the_prediction_varies_equally_along_all_strong_axes(architecture, loss, weighted):
    case = Case(architecture, loss, weighted=weighted)
    raw, gradients = case.network.input_gradients(case.parameters, case.data)
    row_weight = np.ones(N_ROWS) if case.data.weight is None else case.data.weight
    constant = case.network.loss.baseline(case.data.y, row_weight)
    curvature = np.maximum(
        case.network.loss.curvature(raw), case.network.loss.curvature(constant[None, :])
    )
    weight = row_weight[:, None] * curvature
    slices = architecture.input_slices()
    for table, basis in enumerate(case.bases):
        columns = [j for j, t in enumerate(architecture.columns) if t == table]
        total = 0
        for j in columns:
            for k, gradient in enumerate(gradients):
                slopes = gradient[:, slices[j]] @ basis.axes.T
                total = total + (slopes * weight[:, [k]]).T @ slopes
        mean = total / (weight.sum() * len(columns) / len(gradients))
        np.testing.assert_allclose(mean - np.diag(np.diag(mean)), 0, atol=1e-10)
        strong = np.diag(mean) > 1 - 1e-9
        np.testing.assert_allclose(np.diag(mean)[strong], 1, rtol=1e-9)
        assert strong[0]
        assert (np.diag(mean) <= 1 + 1e-9).all()
        assert strong.tolist() == sorted(strong, reverse=True)


def test_axes_are_ordered_by_use_and_have_one_sign():
    case = Case(replace(NONLINEAR, embedding_dims=(3, 3)))
    for basis in case.bases:
        lengths = np.linalg.norm(basis.axes, axis=1)
        # The more the prediction varies along an axis, the shorter its unit.
        assert (np.diff(lengths) >= 0).all()
        largest = np.abs(basis.axes).argmax(axis=1)
        assert (basis.axes[np.arange(3), largest] > 0).all()
        # Orthogonal, up to their lengths.
        products = basis.axes @ basis.axes.T / np.outer(lengths, lengths)
        np.testing.assert_allclose(products, np.eye(3), atol=1e-10)


def test_weak_directions_are_not_stretched_without_limit():
    """A direction that no output uses would otherwise get a unit of infinite length."""
    case = Case(linear(dims=(3,), n_outputs=1))
    lengths = np.linalg.norm(case.bases[0].axes, axis=1)
    np.testing.assert_allclose(lengths[1:], 10 * lengths[0], rtol=1e-6)


def test_the_origin_is_the_mean_vector_over_the_rows():
    for weighted in (False, True):
        case = Case(linear((0, 0), (6,), (2,)), weighted=weighted)
        vectors = table_views(case.architecture, case.parameters)[0][case.codes]
        weight = np.ones(N_ROWS) if case.data.weight is None else case.data.weight
        expected = np.average(vectors.mean(axis=1), axis=0, weights=weight)
        np.testing.assert_allclose(case.bases[0].origin, np.tile(expected, (6, 1)), rtol=1e-10)


def test_a_given_vector_is_the_origin_of_its_code():
    """NaN stands for codes that have none; they keep the mean."""
    case = Case(linear())
    mean = case.bases[0].origin[0]
    prior = np.full((7, 2), np.nan)
    prior[[2, 6]] = [[5.0, -3.0], [1.0, 2.0]]
    case.bases = case.find_bases([prior])
    expected = np.tile(mean, (7, 1))
    expected[[2, 6]] = prior[[2, 6]]
    np.testing.assert_array_equal(case.bases[0].origin, expected)
    # Shrinkage pulls there.
    np.testing.assert_allclose(case.relearn(1e12)[0], 0, atol=1e-8)
    rows = seen(case, 0)
    np.testing.assert_allclose(
        case.relearn()[0][rows], ridge(case, 5.0)[0][rows], rtol=1e-8, atol=1e-10
    )


def test_a_network_that_ignores_its_tables_gives_finite_bases_and_no_vectors():
    case = Case(NONLINEAR)
    weight, _ = case.network.dense.flat(case.parameters["dense"]).layers[0]
    weight[:4] = 0
    case.bases = case.find_bases()
    assert all(np.isfinite(basis.axes).all() for basis in case.bases)
    for table in case.relearn():
        np.testing.assert_allclose(table, 0, atol=1e-10)


def test_a_table_of_width_zero_is_left_alone():
    architecture = replace(NONLINEAR, embedding_dims=(0, 2))
    case = Case(architecture)
    assert [table.shape for table in case.relearn()] == [(6, 0), (5, 2)]


def trained_case(target):
    """A small network trained on a target of two columns with four frequent categories each."""
    architecture = Architecture((6, 6), (2, 2), (0, 1), 0, (16,), 1, "silu")
    rng = np.random.default_rng(0)
    codes = rng.integers(1, 5, (600, 2)).astype(np.int32)
    y = target(codes).astype(np.float32)[:, None]
    data = Data(place_codes(architecture, codes), np.zeros((600, 0), np.float32), y)
    network = Network(architecture, make_loss("squared_error"))
    settings = TrainingSettings("adam", 0.02, "cosine", batch_size=64, max_iter=25)
    start = network.initial_parameters(rng, np.zeros(1))
    parameters, _ = train(network, start, data, settings, rng)
    bases = find_bases(network, parameters, data, codes, [20.0, 20.0], [None, None])
    return network, parameters, bases, data, codes


def explained(network, parameters, bases, data, codes, pseudo_count=1.0):
    found = relearn(network, parameters, bases, data, codes, [pseudo_count] * 2, [False] * 2)
    moved = {name: value.copy() for name, value in parameters.items()}
    views = table_views(network.architecture, moved)
    for view, basis, place in zip(views, bases, found, strict=True):
        view[...] = basis.origin + place @ basis.axes
    residual = data.y - network.raw_prediction(moved, data)
    return 1 - float(np.var(residual) / np.var(data.y))


def test_additive_targets_are_learned_from_the_mean():
    case = trained_case(lambda codes: codes[:, 0] + np.sin(codes[:, 1]))
    for basis in case[2]:
        np.testing.assert_array_equal(basis.start, 0)
    assert explained(*case) > 0.9


def test_a_pure_interaction_is_learned_from_the_trained_vectors():
    """It is flat at the mean; the unknown code and codes without rows start there all the same."""
    case = trained_case(lambda codes: 2.0 * ((codes[:, 0] > 2) == (codes[:, 1] > 2)) - 1)
    for basis in case[2]:
        assert (basis.start[1:5] != 0).all()
        np.testing.assert_array_equal(basis.start[[0, 5]], 0)
    assert explained(*case) > 0.9
