"""What is odd about tonight's rows, beside those that the champion was trained on."""
