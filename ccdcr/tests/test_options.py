# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Every option of the functions has one spelling, typed or in a file."""

import inspect
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData

import ccdcr
from ccdcr._arguments import CLEANERS, FILES, OPTIONS, spelling
from ccdcr._config import read_config
from ccdcr._layout import Layout
from ccdcr._parsers import make_parser
from ccdcr.tests.conftest import frame, sky
from ccdcr.tests.test_cli import run

FRAMES = {"ccd", "ccd1", "ccd2", "ccds"}
EXAMPLES = {
    "shift": (["1", "-2"], [1.0, -2.0]),
    "shifts": (["1", "-2"], [[1.0, -2.0]]),
    "size": (["9", "3"], [9, 3]),
    "method": (["classic"], "classic"),
    "grow": (["2"], 2),
    "max_size": (["30"], 30),
    "niter": (["2"], 2),
    "psfsize": (["9"], 9),
    "dispersion_axis": (["1"], 1),
    "region": (["[1:2,3:4]"], ["[1:2,3:4]"]),
    "exclude": (["keep.reg"], [Path("keep.reg")]),
    "reference": (["m.fits"], Path("m.fits")),
    "inbkg": (["m.fits"], Path("m.fits")),
    "psfk": (["m.fits"], Path("m.fits")),
    "saturation": (["none"], None),
    "replacement": (["local"], "local"),
    "sepmed": ([], True),
    "cleantype": (["idw"], "idw"),
    "fsmode": (["convolve"], "convolve"),
    "psfmodel": (["moffat"], "moffat"),
    "add_keyword": (["A=1"], [("A", 1)]),
    "hdu": (["SCI,2"], ["SCI,2"]),
    "unit": (["ADU"], "adu"),
    "uncertainty_type": (["var"], "var"),
    "hdu_uncertainty": (["ERR"], "ERR"),
    "hdu_dq": (["QUALITY"], "QUALITY"),
    "dq_bit": (["4096"], 4096),
    "dq_ignore": (["3"], 3),
}
WORDS = {
    "pair": ["pair", "a.fits", "b.fits"],
    "stack": ["stack", "a.fits", "b.fits"],
    "median": ["median", "a.fits"],
    "lacosmic": ["lacosmic", "a.fits"],
    "batch": ["batch", "night"],
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, seed, hit in (("a", 1, (6, 7)), ("b", 2, (9, 20))):
        ccd = frame(sky(seed), "std")
        ccd.data[hit] += 3000
        ccd.write(f"{name}.fits")
    return tmp_path


def parse(words):
    options = vars(make_parser().parse_args(words))
    del options["parser"], options["command"]
    return options


def config(text, command):
    Path("c.toml").write_text(text)
    general, special = read_config("c.toml", command)
    return general | special


@pytest.mark.parametrize("cleaner", CLEANERS)
def test_every_keyword_of_a_function_is_an_option(cleaner):
    """None is missing, none has two spellings, none is made up."""
    function = getattr(ccdcr, f"cosmicray_{cleaner}")
    keywords = set(inspect.signature(function).parameters) - FRAMES
    assert sorted(CLEANERS[cleaner]) == sorted(keywords)
    spellings = [spelling(name) for name in (*CLEANERS[cleaner], *FILES)]
    assert len(set(spellings)) == len(spellings)
    nothing = parse(WORDS[cleaner])
    for name in (*CLEANERS[cleaner], *FILES):
        values, wanted = EXAMPLES.get(name, (["3.5"], 3.5))
        if (cleaner, name) == ("stack", "scale"):
            wanted = [3.5]
        typed = parse([*WORDS[cleaner], spelling(name), *values])
        assert {key: typed[key] for key in typed.keys() - nothing.keys()} == {
            name: wanted
        }


@pytest.mark.parametrize("cleaner", CLEANERS)
def test_a_batch_has_them_all(cleaner):
    for name in (*CLEANERS[cleaner], *FILES):
        if name == "method":  # that of a batch says which function, too
            continue
        values, _ = EXAMPLES.get(name, (["3.5"], 3.5))
        words = [*WORDS["batch"], spelling(name), *values]
        name = {"shift": "shifts"}.get(name, name)
        assert name in parse(words)


def test_every_option_about_files_is_there():
    assert sorted(FILES) == sorted(Layout._fields)


def test_words_are_those_of_the_functions():
    for name in OPTIONS:
        assert spelling(name).lstrip("-").replace("-", "_") == name or name == "shifts"


class TestFilesAsOptions:
    def test_models(self, capsys):
        data = np.full((24, 30), 100.0)
        CCDData(data, unit="adu").write("model.fits")
        status, _, err = run("median a.fits --reference model.fits", capsys)
        assert (status, err) == (0, "")
        assert fits.getheader("a_crclean.fits")["CCRREF"] != "none"
        text = "lacosmic a.fits --inbkg model.fits --gain 1 --overwrite"
        assert run(text, capsys)[0] == 0
        assert "CCRINBKG" in fits.getheader("a_crclean.fits")

    def test_kernel_and_mask(self, capsys):
        fits.writeto("psf.fits", np.ones((3, 3)))
        mask = np.zeros((24, 30), dtype=np.uint8)
        mask[:3] = 1
        fits.writeto("saturated.fits", mask)
        text = "lacosmic a.fits --fsmode convolve --psfk psf.fits --no-sepmed "
        assert run(text + "--saturation saturated.fits", capsys)[0] == 0
        header = fits.getheader("a_crclean.fits")
        assert header["CCRSATHO"] == "mask given"
        assert header["CCRSEPM"] is False
        assert header["CCRPSFK"] == "image given"

    def test_regions(self, capsys):
        pytest.importorskip("regions")
        Path("keep.reg").write_text("image\nbox(8,7,3,3,0)\nbox(20,20,2,2,0)\n")
        text = "median a.fits --exclude keep.reg --exclude [1,1]"
        status, out, _ = run(text, capsys)
        assert status == 0
        assert ": 0 cosmic rays" in out

    @pytest.mark.parametrize(
        ("option", "message"),
        [
            ("--reference none.fits", "none.fits: no such file"),
            ("--saturation none.fits", "none.fits: no such file"),
            ("--exclude none.reg", "none.reg: no such file"),
            ("--saturation cube.fits", "cube.fits: no two-dimensional image in it"),
        ],
    )
    def test_bad_files(self, option, message, capsys):
        fits.writeto("cube.fits", np.zeros((2, 2, 2)))
        status, out, err = run(f"median a.fits b.fits {option}", capsys)
        assert (status, out) == (1, "")
        assert message in err


class TestMoreOptions:
    def test_cards(self, capsys):
        text = "median a.fits --add-keyword CLEANED=T --add-keyword BY=me"
        assert run(text + " --add-keyword N=3", capsys)[0] == 0
        header = fits.getheader("a_crclean.fits")
        assert [header[key] for key in ("CLEANED", "BY", "N")] == [True, "me", 3]
        assert "CCRMETH" not in header
        assert run("median a.fits --add-keyword none --overwrite", capsys)[0] == 0
        assert "CCRMETH" not in fits.getheader("a_crclean.fits")

    def test_scale_and_saturation(self, capsys):
        text = "pair a.fits b.fits --scale 1.5 --saturation none"
        assert run(text, capsys)[0] == 0
        header = fits.getheader("a_crclean.fits")
        assert header["CCRSCALE"] == 1.5
        text = "stack a.fits b.fits --scale 1.5 --overwrite"
        assert run(text, capsys)[0] == 0
        assert fits.getheader("a_crclean.fits")["CCRSCALE"] == 1.5

    def test_what_files_are_told(self, capsys, monkeypatch):
        """Only what was given, so that the functions have their defaults."""
        told = []

        def clean(*paths, progress, **options):
            told.append(options)
            report = ccdcr.cosmicray_report(frame(sky(1)), frame(sky(1)))
            return [report, report] if "hdu" in options else report

        monkeypatch.setattr("ccdcr.files.clean_median", clean)
        assert run("median a.fits", capsys)[0] == 0
        text = "median a.fits --hdu SCI,1 --hdu 4 --uncertainty-type var --dq-bit 4096"
        status, out, _ = run(text + " --dq-ignore 3", capsys)
        assert status == 0
        assert [line.partition(":")[0] for line in out.splitlines()] == [
            "a_crclean.fits, image 1",
            "a_crclean.fits, image 2",
        ]
        assert told == [
            {},
            {
                "hdu": ["SCI,1", 4],
                "uncertainty_type": "var",
                "dq_bit": 4096,
                "dq_ignore": 3,
            },
        ]


class TestSeveralImages:
    """A file with two chips, and what is said of each."""

    @pytest.fixture(autouse=True)
    def mosaics(self, folder):
        for k, name in enumerate("mn"):
            hdus = fits.HDUList([fits.PrimaryHDU()])
            for chip in (1, 2):
                data = sky(chip + 2 * k)
                data[5 * chip, 7] += 3000
                hdus.append(fits.ImageHDU(data, name="SCI", ver=chip))
                hdus[-1].header["BUNIT"] = "adu"
                dq = np.zeros(data.shape, dtype=np.int16)
                hdus.append(fits.ImageHDU(dq, name="DQ", ver=chip))
            hdus.writeto(f"{name}.fits")

    def test_all(self, capsys):
        text = "median m.fits --grow 0 --hdu all --dq-bit 4096"
        status, out, _ = run(text, capsys)
        assert status == 0
        assert [line.partition(":")[0] for line in out.splitlines()] == [
            f"m_crclean.fits, image {k}" for k in (1, 2)
        ]
        assert out.count(": 1 cosmic ray") == 2
        dq = fits.getdata("m_crclean.fits", extname="DQ", extver=2)
        assert dq[10, 7] == 4096

    @pytest.mark.parametrize("command", ["pair", "stack"])
    def test_together(self, command, capsys):
        """Those of the first file, then those of the second."""
        status, out, _ = run(f"{command} m.fits n.fits --hdu SCI,1 --hdu 3", capsys)
        assert status == 0
        assert [line.partition(":")[0] for line in out.splitlines()] == [
            f"{name}_crclean.fits, image {k}" for name in "mn" for k in (1, 2)
        ]

    def test_one_of_them(self, capsys):
        pytest.importorskip("matplotlib")
        text = "median m.fits --hdu SCI,2 --grow 0 --plot p.png --report t.ecsv"
        status, out, _ = run(text, capsys)
        assert (status, ": 1 cosmic ray on 1 of" in out) == (0, True)
        text = "report m_crclean.fits m.fits --hdu SCI,2"
        assert run(text, capsys)[1].startswith("1 cosmic ray on 1 of")
        text = "review m_crclean.fits m.fits --hdu SCI,2 -o r.html"
        assert run(text, capsys)[0] == 0

    def test_wrong_bit(self, capsys):
        status, _, err = run("median m.fits --dq-bit 3", capsys)
        assert (status, "dq_bit must be a power of two" in err) == (2, True)


class TestConfig:
    def test_it_is_as_if_typed(self):
        text = """
        sigma-peak = 6
        max_size = 40
        unit = "ADU"
        region = ["[1:20,1:20]", "[21,24]"]
        exclude = "[1,1]"
        overwrite = true
        hdu = ["SCI,1", 2]
        [pair]
        shift = [-4, 1.5]
        scale = 1.2
        """
        words = "pair a.fits b.fits --sigma-peak 6 --max-size 40 --unit ADU --overwrite"
        words += " --region [1:20,1:20] --region [21,24] --exclude [1,1] --scale 1.2"
        words += " --shift -4 1.5 --hdu SCI,1 --hdu 2"
        typed = parse(words.split())
        del typed["file1"], typed["file2"]
        assert config(text, "pair") == typed

    def test_what_is_nearer_wins(self, capsys):
        Path("c.toml").write_text(
            "sigma-peak = 6\nsigma-tail = 3\nregion = '[1:9,1:9]'\nsigclip = 7\n"
            "overwrite = true\n[pair]\nsigma-peak = 7\nauto-shift = true\n"
            "[lacosmic]\nniter = 2\n"
        )
        text = "pair a.fits b.fits --config c.toml --shift 1 0 --region [1:20,1:20]"
        assert run(text, capsys)[0] == 0
        header = fits.getheader("a_crclean.fits")
        assert (header["CCRPEAK"], header["CCRTAIL"]) == (7, 3)
        assert header["CCRDY"] == 1
        assert header["CCRREG"] == "[1:20,1:20]"
        assert run("lacosmic a.fits --config c.toml", capsys)[0] == 0
        header = fits.getheader("a_crclean.fits")
        assert (header["CCRSCLIP"], header["CCRNITER"]) == (7, 2)

    @pytest.mark.parametrize(
        ("text", "command", "wanted"),
        [
            ("shift = [1, 0]", "stack", {"shifts": [[1.0, 0.0]]}),
            (
                "shift = [[1, 0], [0, -2]]",
                "stack",
                {"shifts": [[1.0, 0.0], [0.0, -2.0]]},
            ),
            ("auto-shift = true", "pair", {"shift": "auto"}),
            ("auto-shift = false\nshift = [1, 0]", "pair", {"shift": [1.0, 0.0]}),
            ("sepmed = false", "lacosmic", {"sepmed": False}),
            ("sepmed = false", "median", {}),
            ("overwrite = true\n[median]\noverwrite = false", "median", None),
            ("add-keyword = ['A=1', 'B=x']", "pair", None),
            ("method = 'pair:classic'\njobs = 4", "batch", None),
            ("keyword = ['FILTER', 'SLIT']\nmax-gap = '30min'", "batch", None),
            ("", "batch", {}),
        ],
    )
    def test_forms(self, text, command, wanted):
        if wanted is None:
            wanted = {
                "overwrite": {"overwrite": False},
                "add-keyword": {"add_keyword": [("A", 1), ("B", "x")]},
                "method": {"method": "pair:classic", "jobs": 4},
                "keyword": {"keyword": ["FILTER", "SLIT"], "max_gap": 1800 * u.s},
            }[text.split()[0]]
        assert config(text, command) == wanted

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("sigma = 5", "c.toml: a key must be an option of a command, got 'sigma'"),
            ("files = 'a'", "a key must be an option of a command, got 'files'"),
            ("config = 'b.toml'", "must be an option of a command, got 'config'"),
            (
                "[polish]",
                "a table must be one of [pair], [stack], [median], [lacosmic]",
            ),
            ("[pair]\nsigclip = 5", "a key must be an option of ccdcr pair, got 'sig"),
            ("[median]\nniter = 5", "must be an option of ccdcr median, got 'niter'"),
            ("sigma-peak = 'high'", "sigma-peak: invalid float value: 'high'"),
            ("sigma_peak = true", "sigma_peak: must be a text or a number, got True"),
            ("sigma-peak = [5, 6]", "sigma-peak: must be a text or a number, got [5,"),
            ("shift = 1", "shift: expected 2 arguments, got 1"),
            ("shift = [[1, 2]]", "shift: must be a text or a number, got [[1, 2]]"),
            ("shift = [1, 2, 3]", "shift: unrecognized arguments: 3, got [1, 2, 3]"),
            ("overwrite = 'yes'", "overwrite: must be true or false, got 'yes'"),
            ("replacement = 'median'", "replacement: invalid choice: 'median'"),
            ("gain = -1", "gain: invalid positive number value: '-1'"),
            ("unit = 1979-05-27", "unit: must be a text or a number, got datetime"),
            ("shift = [1, 2]\nauto-shift = true", "auto-shift must not be given with"),
            ("gain = 1\ngain = 2", "c.toml must be a TOML file: Cannot overwrite"),
            ("sigma-peak = 5\nsigma_peak = 6", "sigma_peak must not be given with sig"),
            ("sigma-peak = -5", "sigma_peak must be a finite number > 0"),
        ],
    )
    def test_wrong(self, text, message, capsys):
        """One sentence, exit status 2, and no work."""
        Path("c.toml").write_text(text)
        status, out, err = run("pair a.fits b.fits --config c.toml", capsys)
        assert (status, out) == (2, "")
        assert err.startswith("usage: ccdcr pair")
        assert message in err.splitlines()[-1]
        assert not list(Path().glob("*_crclean*"))

    def test_no_file(self, capsys):
        status, _, err = run("median a.fits --config none.toml", capsys)
        assert status == 2
        assert "error: none.toml: no such file or directory" in err
