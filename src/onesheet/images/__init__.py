"""Files to batches: decoding, duplicates, sampling, augmentation."""
