"""A model beside the one in use: it decides the same images, and its decisions only count.

comparison.py   A shadow's decisions beside those of the model in use
figures.py      Two models on the same images, in figures, and what these say of the newer one
gate.py         A new model has to earn its place: it is tried as a shadow, and taken or refused
judged.py       Images with a verdict that judge two models
lane.py         The lane of the shadows: beside the pipeline, and never in its way
rulings.py      What was decided of models, written down for all replicas
seen.py         Images that the model in use has decided, as another model sees them
side.py         A model that is compared for as long as its file lies there
trial.py        The trial of a new model, in the one process that decides
"""
