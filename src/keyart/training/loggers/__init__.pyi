from keyart.training.loggers.csv_log import CSVLog as CSVLog
