from keyart.reports.card.write import write_card as write_card
