"""The operator's page, for whoever is on call: what to do now. It opens nothing and sees no case."""
