"""Training: from images to a checkpoint that is judged.

assembly.py          What the settings of `train.py` ask for: the data, the network, the recipe
batch_statistics.py  Batch normalisation's statistics, made those of the images at hand
calibration.py       Confidences that mean what they say: the temperature of a softmax
chosen_input.py      The input that is trained on: as the settings say, else as the weights were
crossed.py           Cross-validation of the last layer: what few images can teach
data/                The images that are trained on
doubt.py             Images that others' experience calls something else than their label
evaluation.py        What a network makes of images that it does not learn from
exact.py             What a share found on a few images leaves at least, by the binomial law
features.py          What the last layer of a network is given for an image
fit.py               The epochs of a training: each judged by the validation images
heads.py             Small classifiers on a network's inner maps
imagenet.py          ImageNet's weights: torchvision's, from a file that is there or by its download
inner_maps.py        What inner maps say of images, and what is usual there
judgement.py         What a trained network is worth, in figures
judgement_log.py     A judgement in the log: the figures that matter most
judgement_report.py  A judgement for people: a report as text, and the confusion matrix as a PNG
last_layer.py        A last layer on frozen features: all that a few images can teach
look.py              What a data set is worth, looked over before it is trained on
made_ready.py        What a consumer needs to start without PyTorch
model_files.py       What lies beside MODEL_PATH: the lock of who trains, reports, models not in use
novelty.py           What training finds out of how unlike its images others are
once_more.py         The last layer once more, where fine-tuning betters nothing
page.py              Pages about a training: what was found in the images, and how the model does
pieces.py            Pieces of pages about a training: sections, tables, and small pictures
prepared.py          What the steps of a training share, and what they come to
recalibration.py     What confidences are worth on the whole: how often such decisions are right
recipe.py            How to train: what the settings leave open follows from the images
reference.py         What a consumer compares its images with: how those of training look
reports.py           The reports that are written beside a model
resume.py            The state of a training between two epochs
run.py               One training, from its settings to a checkpoint
samples.py           The images that travel with a checkpoint, for its readers to try it by
saving.py            The last step of a training: the checkpoint and its reports
separation.py        How well a score tells two kinds of images apart
start.py             Where a training starts: from weights that know images, or from nothing
start_weights.py     Weights to start from, and the input that they were trained with
thresholds.py        Thresholds with a promise: of what is matched, a given share is right
time_left.py         How long a training goes on, by how long it has taken so far
trainer.py           Training: passes over a data set that fit a network to it
verdict.py           Whether a model is good enough to be used, and why not
"""
