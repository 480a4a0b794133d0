"""The pages of each party. They call procedures and add no rule of their own."""
