"""python -m rppg_tools COMMAND ...: see python -m rppg_tools --help"""
import argparse
import sys

from . import adapt, calibrate, cards, convert, core, distill, evaluate, inspect, lq, own, pack, parity, quantize, rface, scene, tables, train

COMMANDS = (evaluate, calibrate, pack, convert, inspect, parity,  # in the order that --help lists them
            scene, own,
            train, tables, distill, lq, rface, adapt,
            quantize, cards)


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m rppg_tools", description=(
        "Figures of rppg.h, and models for rppg_nn.h. All figures come from the C code itself, which is compiled and called."))
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in COMMANDS:
        module.add_command(commands)
    args = parser.parse_args(argv)
    try:
        return args.run(args)
    except core.ToolError as error:
        print(f"rppg_tools: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
