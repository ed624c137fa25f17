"""Pool + budget + chance -> the problems that stay, and for every other one the reason why it went."""
