"""Write down what the Python bindings of a TensorRT version have: ``python inventory.py VERSION FOLDER``.

The wheels of the bindings hold their one shared object, but not NVIDIA's libraries that it needs. It imports nothing of
them but nine functions, so that empty stand-ins let it load and tell its names, members and signatures; nothing of it
can run. Needs pip, gcc, nm, readelf and the CPython that is named (default 3.10); leaves ``VERSION.json`` in FOLDER.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGES = {"8": "tensorrt-bindings", "10": "tensorrt-cu12-bindings", "11": "tensorrt-cu13-bindings"}
_TAGS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
_SYSTEM = re.compile(r"^(lib(stdc\+\+|m|gcc_s|c|rt|dl|pthread)\.so|ld-)")
_LEFT_OUT = re.compile(r"Layer$|Plugin|^(Activation|Attention|Fill|KVCache|Loop|Matrix|Reduce|Scatter|TopK|Unary)")
_SIGNATURE = re.compile(r"^\s*(?:\d+\. )?(\w+\(self: .*\) -> .*|\w+\(.*\) -> .*)$", re.M)


def fetch(version: str, folder: Path, python: str) -> Path:
    """Download and unpack the bindings of ``version``, put stand-ins beside them; return the folder to import from."""
    package = PACKAGES[version.partition(".")[0]]
    platforms = [word for tag in _TAGS for word in ("--platform", tag)]
    get = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--implementation", "cp"]
    get += ["--python-version", python, *platforms, "-d", str(folder), f"{package}=={version}"]
    subprocess.run(get, check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheel), str(folder)], check=True)
    binding = folder / "tensorrt_bindings" / "tensorrt.so"
    needed = re.findall(r"NEEDED.*\[(.*)\]", _output("readelf", "-d", str(binding)))
    missing = [name for name in needed if not _SYSTEM.match(name)]
    symbols = re.findall(r" U (\w+)$", _output("nm", "-D", "--undefined-only", str(binding)), re.M)
    wanted = [name for name in symbols if re.search(r"_INTERNAL$|Plugin|OnnxParser|^_ZN1\dnv(uff|caffe)", name)]
    source = folder / "stand_ins.c"
    for name in missing:
        body = "" if name != missing[0] else "\n".join(f"void *{symbol}(void) {{ return 0; }}" for symbol in wanted)
        source.write_text(body)
        command = ["gcc", "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", str(binding.with_name(name)), str(source)]
        subprocess.run(command, check=True)
    return folder


def describe(module: object) -> dict[str, object]:
    """Return the functions of a module with their signatures, its constants, and its classes with all their members.

    Of a member it says ``value 3`` (of an enum), ``property read`` or ``property write``, ``class`` or ``constant``, or
    the signatures of a method. What only adds layers to a network, and plugins, are left out.
    """
    functions, constants, classes = {}, [], {}
    for name, thing in sorted(vars(module).items()):
        if name.startswith("__") or _LEFT_OUT.search(name):
            continue
        if isinstance(thing, type):
            classes[name] = _members(thing)
        elif callable(thing):
            functions[name] = _signatures(thing)
        elif type(thing).__name__ != "module":
            constants.append(name)
    return {"version": module.__version__, "functions": functions, "constants": constants, "classes": classes}


def _members(kind: type) -> dict[str, str]:
    found = {}
    bases = [base for base in kind.__mro__ if base is not object and not base.__module__.startswith("pybind11")]
    values = getattr(kind, "__members__", {})
    skipped = ("_", "add_") if kind.__name__ == "INetworkDefinition" else ("_",)
    for base in reversed(bases):
        for name, thing in vars(base).items():
            if name in values:
                found[name] = f"value {int(values[name])}"
            elif isinstance(thing, type):
                found[name] = "class"
            elif (name == "__init__" and not values) or not name.startswith(skipped):
                if isinstance(thing, property):
                    found[name] = "property read" if thing.fset is None else "property write"
                elif callable(thing) or isinstance(thing, staticmethod):
                    found[name] = _signatures(getattr(kind, name)) or "method"
                else:
                    found[name] = "constant"
    return dict(sorted(found.items()))


def _signatures(thing: object) -> str:
    """Return what a function's docstring says of its arguments, without module names."""
    lines = dict.fromkeys(_SIGNATURE.findall(getattr(thing, "__doc__", None) or ""))
    return re.sub(r"tensorrt_bindings\.tensorrt\.|tensorrt\.tensorrt\.", "", " | ".join(lines))


def _one_class_a_line(told: dict[str, object]) -> str:
    text = json.dumps(told)
    return re.sub(r'(\}, |"classes": \{)(?="\w+": \{)', r"\1\n", text)


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main(arguments: list[str]) -> None:
    """Fetch, import under the named interpreter, write."""
    if arguments[:1] == ["describe"]:
        import tensorrt_bindings

        print(_one_class_a_line(describe(tensorrt_bindings)))
        return
    version, target, interpreter = arguments[0], Path(arguments[1]), (arguments[2:] or ["python3.10"])[0]
    release = _output(interpreter, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
    with tempfile.TemporaryDirectory() as folder:
        place = fetch(version, Path(folder), release)
        script = f"import sys; sys.path.insert(0, {str(place)!r}); sys.argv = ['', 'describe']; "
        script += f"import runpy; runpy.run_path({str(Path(__file__).absolute())!r}, run_name='__main__')"
        told = _output(interpreter, "-c", script)
    (target / f"{version}.json").write_text(told)


if __name__ == "__main__":
    main(sys.argv[1:])
