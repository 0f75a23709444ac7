"""Evaluates and calibrates rppg.h: python -m rppg_tools --help"""
