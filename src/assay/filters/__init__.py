"""Problems -> drops with reasons; what is not dropped is kept."""
