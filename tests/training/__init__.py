"""Tests of training: the LightningModule, callbacks, loggers and resuming."""
