"""What the commands about data are given."""

from __future__ import annotations

from wrong_inputs.row import Row, written

ROWS = [
    Row(
        "download-none",
        "a download of nothing",
        "data sets: none are named; give names of modelswarms data list, or --all.",
        command="data download",
    ),
    Row(
        "download-unknown",
        "a download of a data set that there is not",
        "data set 'nlgrph': unknown; did you mean 'nlgraph'?",
        command="data download nlgrph --to .",
    ),
    Row(
        "download-mirror",
        "a mirror that has no such file",
        "nlgraph.json: mirror/nlgraph.json is no file that can be read; check --from and MODELSWARMS_DATA_URL.",
        command="data download nlgraph --from mirror --to .",
    ),
    Row(
        "download-address",
        "a mirror that is no address",
        "nlgraph.json: ftp://example.org/nlgraph.json is no address; give --from as https://… or as a folder.",
        command="data download nlgraph --from ftp://example.org --to .",
    ),
    Row(
        "download-wrong",
        "a mirror that has another file",
        "nlgraph.json: what mirror/nlgraph.json gives is not the published file (SHA-256 … instead of 9622d463616b…); "
        "give another place with --from.",
        written("mirror/nlgraph.json", "{}"),
        "data download nlgraph --from mirror --to .",
    ),
    Row(
        "download-own",
        "a download over a file of one's own",
        "nlgraph.json: is there with another content than the published; move it away, or give --to.",
        written("nlgraph.json", "mine"),
        "data download nlgraph --to .",
    ),
    Row(
        "data-check-missing",
        "a check of no file",
        "dta.json: no such data file; check the path.",
        command="data check dta.json",
    ),
    Row(
        "data-check-none",
        "a check of nothing",
        'Command "data check" parameter --FILE requires an argument. See: modelswarms data check --help',
        command="data check",
    ),
    Row(
        "data-check-key",
        "an unknown key of what is checked",
        "unknown key 'utility.data.dev_sise'; did you mean 'dev_size'?",
        command="data check data.json --dev_sise 3",
    ),
    Row(
        "data-check-fix",
        "a cleaned copy over the file itself",
        "data.json: is there already; give another name.",
        command="data check data.json --fix data.json",
    ),
    Row(
        "data-check-fix-place",
        "a cleaned copy in no folder",
        "none/clean.json: cannot be written (No such file or directory); give a file in a folder that exists.",
        command="data check data.json --fix none/clean.json",
    ),
]
