"""What all figures share: sizes and colours, pages, fonts, legends, and the names of factors."""
