from keyart.reports.card.write import make_card as make_card
