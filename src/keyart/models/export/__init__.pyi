from keyart.models.export.image_preprocessing import preprocessing as preprocessing
