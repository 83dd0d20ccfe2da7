from keyart.models.export.preprocessing import preprocessing as preprocessing
